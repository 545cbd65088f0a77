"""The report of a shift: its parts, as text and as a page."""
