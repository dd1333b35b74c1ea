"""
The command line: options in, words and exit codes out. Not here: anything the daemon does without a terminal.
"""
