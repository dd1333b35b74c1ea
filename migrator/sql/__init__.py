"""
The only users of SQLAlchemy and pyodbc.
"""
