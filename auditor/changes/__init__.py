"""
What differs from the last commit, by row, by file and in words. Not here: git.
"""
