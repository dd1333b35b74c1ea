"""
What a repository needs beside runs: repacking, signatures, another password. Not here: the runs.
"""
