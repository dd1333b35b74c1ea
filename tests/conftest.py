"""
What all tests share: hypothesis profiles, and a home folder that no test may touch.
"""
