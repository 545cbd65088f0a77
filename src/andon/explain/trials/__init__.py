"""Labelled cases, what production would ask about each, and how answers to them are scored."""
