"""Log lines of many makers and programs, as an expert would file them; and lines that say too little.

They are none of the rules' own examples: they hold what the rules have to recognise in other words and languages.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def telling() -> list[tuple[frozenset[str], str, str, str]]:
    """Lines that name a problem: the categories an expert accepts, service, host, message."""
    rows = [line.split(" | ", 3) for line in _lines("playbook_telling.txt")]
    return [(frozenset(row[0].split("/")), row[1], row[2], row[3]) for row in rows]


def too_little() -> list[tuple[str, str]]:
    """Lines that name none, whatever the service: service, message."""
    return [
        (service, message) for service, message in (line.split(" | ", 1) for line in _lines("playbook_too_little.txt"))
    ]


def _lines(name: str) -> list[str]:
    return (_HERE / name).read_text(encoding="utf-8").splitlines()
