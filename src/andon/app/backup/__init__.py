"""Backups: database and broker store of one moment in one file, checked, and put back from it.

The order is what makes the two fit: first how far sources have read, then the database, then the broker's streams. So
whatever the copied database lacks of the logs that the broker had acknowledged is in the copied stream, and recovery
records it from there at the next start; no log is in neither.
"""
