"""Tests of what people see and press. A package, so that its browser is closed before any other test begins."""
