"""The rules a site sets: which logs are kept, and which are analyzed."""
