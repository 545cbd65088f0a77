"""What in the environment and ``.env`` means nothing to Andon although it looks as if it should."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from dotenv.parser import parse_stream

from andon.core.settings.settings import REFERENCE_NAMES, settings_table

#: Names of ours that are no settings.
_OTHERS = frozenset({"ANDON_CONFIG"})
#: How alike a name without our prefix must be to one of the reference's to count as a slip of the pen.
_SLIP = 0.8
_CLOSE = 0.6


def remarks(dotenv: Path = Path(".env")) -> list[str]:
    """A sentence for each line of ``.env`` that is no setting and each name nobody reads; names only, never values."""
    known = {name for name, _, _ in settings_table()} | _OTHERS
    found = [remark for name in sorted(os.environ) if (remark := _unknown(name, known, "the environment"))]
    try:
        with dotenv.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError):
        return found  # which whoever read the settings has told
    for binding in bindings:
        where = f"{dotenv} line {binding.original.line}"
        if binding.error or (binding.key is not None and binding.value is None):
            found.append(f"{where} is not NAME=value and has no effect")
        elif binding.key is not None and (remark := _unknown(binding.key, known, where, slips=REFERENCE_NAMES)):
            found.append(remark)
    return found


def _unknown(name: str, known: set[str], where: str, slips: Iterable[str] = ()) -> str | None:
    upper = name.upper()
    if upper in known:
        return None
    if upper.startswith("ANDON_"):
        close = difflib.get_close_matches(upper, known, 1, _CLOSE)
    else:
        close = difflib.get_close_matches(upper, [slip.upper() for slip in slips], 1, _SLIP)
        if not close:
            return None
    hint = f"did you mean {close[0]}?" if close else "docs/settings.md lists all of them"
    return f"{where} sets {name}, which is not a setting; {hint}"
