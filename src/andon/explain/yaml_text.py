"""YAML files of people: every scalar as text, bounded, and a mistake told with its line."""

from __future__ import annotations

from typing import Any


def load_yaml(content: str, first_line: int = 1, *, trusted: bool = False) -> tuple[Any, list[int]]:
    """What a YAML text says, and the lines where the entries of its outermost list begin (empty where it is no list).

    ``first_line`` is the number of its first line in the file; of a ``trusted`` text, one that comes with Andon,
    neither depth nor double keys are looked at, which would take half of the time. Raises ValueError that names the
    line.
    """
    from andon.explain.yaml_nodes import parse  # most starts have no YAML to read: the bundled rules are kept parsed

    return parse(content, first_line, trusted=trusted)
