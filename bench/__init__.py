"""Measurements of what Andon promises. ``make bench`` runs them all; ratios within one run are what counts."""
