"""
What a document is, how its bytes look and where its files lie. Not here: where documents come from, or any effect.
"""
