"""
The process that stays: when each server is run, one at a time, signals, the service manager. Not here: a run itself.
"""
