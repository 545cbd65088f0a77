"""The site's shifts: which one a moment belongs to."""
