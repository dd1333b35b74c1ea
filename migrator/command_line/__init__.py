"""
What the command lines of both programs are made of: commands, options, help, exit codes.

Not here: any program's own commands, or what they do.
"""
