"""
From rows to files: read once, kept aside, rendered in order. Not here: which rows, and where files go.
"""
