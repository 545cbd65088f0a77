"""Logs that lie in files: followed as they grow, imported once, or piped in."""
