"""
Maintenance mode: switched on, remembered, restored. Not here: what is read meanwhile.
"""
