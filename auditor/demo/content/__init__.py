"""
Sample content of the embedded server, a file for each part of it. Not here: how it is stored.
"""
