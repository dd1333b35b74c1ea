"""
A run and its repository: opened and judged before the read, committed to after it.

Not here: the repository itself, what differs between two trees, and how it is put into words.
"""
