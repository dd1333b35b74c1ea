"""
Generators and benchmarks; run by hand, never a part of the programs.
"""
