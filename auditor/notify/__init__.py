"""
Telling people and monitoring systems how a run ended. Not here: the run's result itself.
"""
