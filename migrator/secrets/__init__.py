"""
Opening and sealing secrets, and the search for them where they must not stand. Not here: where keys come from.
"""
