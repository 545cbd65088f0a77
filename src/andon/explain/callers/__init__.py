"""Callers who wait for an explanation: their slots, their answers, and those that survive a restart."""
