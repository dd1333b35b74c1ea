"""
Git: the one place that calls it, the bare repository, its objects, the push. Not here: what is committed, and why.
"""
