"""
The original tool's file format, read and written. Not here: anything our own format needs.
"""
