"""Andon: every error log of a manufacturing site, stored, grouped, explained once, and kept for operators."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("andon")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0+unknown"

__all__ = ["__version__"]
