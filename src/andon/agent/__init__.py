"""Judging answers with a model."""
