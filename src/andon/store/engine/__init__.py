"""The database itself: connections on SQLite and PostgreSQL, locks, preparing a file, reference databases."""
