"""
What reads the repository: commits as change records, the index over them. Not here: writing to git.
"""
