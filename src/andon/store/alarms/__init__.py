"""Alarms: their states and lifecycle, what operators do with them, and the questions about them."""
