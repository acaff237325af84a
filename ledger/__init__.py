"""A double-entry book over SQLAlchemy, for SQLite and PostgreSQL; it knows accounts and nothing of people."""
