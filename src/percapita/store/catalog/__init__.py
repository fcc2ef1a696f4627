"""The catalog: the authority on what is live, kept in SQLite or PostgreSQL."""
