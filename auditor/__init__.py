"""
The daemon: on a schedule, read a server's configuration and commit what really changed.
"""
