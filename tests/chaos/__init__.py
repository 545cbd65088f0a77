"""Breaks a running installation on purpose and counts what is lost: ``make chaos``.

No part of the test suite: it takes minutes, and it says how often a thing survived, not whether it does.
"""
