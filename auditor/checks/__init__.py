"""
What can be known before the first run, each with its remedy. Not here: anything that changes a server.
"""
