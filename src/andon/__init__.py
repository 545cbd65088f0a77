"""Andon: every error log of a manufacturing site, stored, grouped, explained once, and kept for operators."""

from typing import Any

__version__: str

__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    """The version, looked up when it is asked for: what finds it costs every command as much as its own list does.

    Raises AttributeError for any other name.
    """
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    global __version__
    try:
        __version__ = version("andon")
    except PackageNotFoundError:  # running from a source tree that was never installed
        __version__ = "0.0.0+unknown"
    return __version__
