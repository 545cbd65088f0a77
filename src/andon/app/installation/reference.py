"""Every setting with its default, as a file to look at; and what another version has otherwise."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Iterator

import andon
from andon.core.settings.settings import Settings, settings_table

_LINE = re.compile(r"^# ([a-z][a-z0-9_]*) = (.*)$", re.MULTILINE)


def reference_text() -> str:
    """The file. What it has is the defaults, whatever the site set."""
    parts = [
        f"# The settings of Andon {andon.__version__} with their defaults, for reference: `andon install` overwrites\n"
        "# this file. Copy a line to andon.toml as it is here, without its #. Keys, passwords and tokens go\n# into "
        ".env, where names are in capitals, most with ANDON_ in front: ANDON_NATS_PASSWORD, API_KEY.\n"
    ]
    for name, default, sentence in settings_table():
        lines = textwrap.wrap(sentence, 110, initial_indent="#   ", subsequent_indent="#   ")
        field = name.lower().removeprefix("andon_")
        value = "" if Settings.model_fields[field].default is None else _value(default)
        parts.append("\n".join((f"# {field} = {value}", *lines)) + "\n")
    return "\n".join(parts)


def _value(default: str) -> str:
    """As TOML writes it: numbers, lists and tables as they are, everything else in quotes."""
    try:
        plain = isinstance(tomllib.loads(f"x = {default}")["x"], int | float | list | dict)
    except tomllib.TOMLDecodeError:
        plain = False
    return default if plain else json.dumps(default, ensure_ascii=False)


def changes(before: str, now: str) -> Iterator[str]:
    """What ``now`` has that ``before`` had not, and what has another default, a sentence each."""
    old, new = dict(_LINE.findall(before)), dict(_LINE.findall(now))
    for name, default in new.items():
        if name not in old:
            yield f"the setting {name}, {_told(default)} by default"
        elif old[name] != default:
            yield f"{name} is {_told(default)} by default, which was {_told(old[name])}"
    for name in old.keys() - new.keys():
        yield f"{name} is no longer a setting"


def _told(default: str) -> str:
    return "empty" if default in ("", '""') else default if len(default) <= 60 else "another text"
