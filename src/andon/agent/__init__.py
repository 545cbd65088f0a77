"""Questions to the history that a model answers."""
