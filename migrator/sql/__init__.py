"""
The database: connections, statements, rows. The only users of SQLAlchemy. Not here: what is wanted of it.
"""
