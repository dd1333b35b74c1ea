"""
What others watch: metrics, the status page, the log of runs. Not here: telling anybody by itself.
"""
