"""
What an import decides: matches, ids, merged bodies, problems. Not here: writing anything.
"""
