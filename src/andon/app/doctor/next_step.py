"""What to do next where something that a running service makes is not there."""

from __future__ import annotations

import contextlib

from andon.core.errors import ConfigError
from andon.core.settings.whereabouts import find, start_advice


def start_here(otherwise: str) -> str:
    """``otherwise``, which is about the settings that are examined; what else runs on this machine stands behind it.

    Where the settings are those of a service of this machine, what to do with that one.
    """
    advice = start_advice(otherwise)
    with contextlib.suppress(ConfigError):  # several run, and none of them is meant
        if advice == otherwise or find() is not None:
            return advice
    return f"{otherwise}; elsewhere, {advice}"
