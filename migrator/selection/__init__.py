"""
What a partial export takes along, and why. Not here: how documents look or are written.
"""
