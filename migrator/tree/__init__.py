"""
A tree of files, in a folder or a commit: reading, checking and writing it. Not here: databases.
"""
