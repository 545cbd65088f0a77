"""Applying the rules of retention a little at a time, and forecasting what they would do."""
