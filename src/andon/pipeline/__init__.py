"""Explain each problem once and answer whoever waits."""
