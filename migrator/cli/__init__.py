"""
The command line: verbs and options in, words and exit codes out. Not here: anything another program could want to call.
"""
