"""
The embedded server: a SQLite database with the server's tables and sample content, and a REST stub beside it.

Stands in for a real server in the demonstration, the tests and the benchmarks. Not here: any part of the auditor's own
work, nor how an export is made.
"""
