"""Counts over time, read from rollups and never by scanning logs."""
