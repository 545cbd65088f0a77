"""The queue of analyses, the callers who wait for them, and what the model was used for."""
