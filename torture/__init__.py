"""
The torture chamber: audits that are killed, cut off, and run for a simulated week, and what must hold afterwards.

A development tool beside the tests, which run its short forms. Nothing here is part of the distribution.
"""
