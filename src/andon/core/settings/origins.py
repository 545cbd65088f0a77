"""Where the settings in force come from."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

from andon.core.errors import ConfigError
from andon.core.settings.settings import Settings, environment_name, file_name, file_values, given_names


def origins(settings: Settings, dotenv: Path = Path(".env")) -> dict[str, str]:
    """By the environment name of each setting that somebody set: the environment, a file, or the command line.

    Files are read as they are now. What is in no place although it is no default was said when Andon was started.
    """
    found: dict[str, str] = {}
    for field, info in Settings.model_fields.items():
        default = info.get_default(call_default_factory=True)
        if getattr(settings, field) != default:
            found[environment_name(field)] = "command line"
    for place, names in reversed(_places(dotenv)):
        found |= {name: place for name in names if name in found}
    return found


def _places(dotenv: Path) -> list[tuple[str, set[str]]]:
    """The places that are read, the one that goes before all others first, with the names that each sets."""
    try:
        in_file = set(file_values())
    except ConfigError:  # it was changed since the start
        in_file = set()
    try:
        in_dotenv = given_names(dotenv_values(dotenv))
    except (OSError, UnicodeDecodeError):
        in_dotenv = set()
    return [("environment", given_names(os.environ)), (dotenv.name, in_dotenv), (file_name(), in_file)]
