"""Count what redaction takes from texts that hold no secret, and show each: ``python tools/redactions.py [FILE …]``.

Without files it reads what the repository brings: the labelled cases, the playbook with its examples, the demo,
a bad shift and the loggers' lines. A file is read line by line, a line of JSON as a value. ``--time`` says what a text
costs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = (
    "src/andon/app/evals/cases/*.yaml",
    "src/andon/explain/playbook/*.yaml",
    "src/andon/app/demo/*.toml",
    "tests/support/bad_shift.jsonl",
    "tests/fixtures/loggers/*.jsonl",
)


class Taken(NamedTuple):
    """A text that lost something: where it stands, as it is, as it is shown."""

    source: str
    text: str
    shown: str


def bundled() -> list[Path]:
    """The files of the repository."""
    return [file for pattern in BUNDLED for file in sorted(ROOT.glob(pattern))]


def values_in(file: Path) -> Iterator[Any]:
    """The texts and JSON values of a file."""
    if file.suffix == ".yaml":
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        yield from _strings(yaml.load(file.read_text(encoding="utf-8"), Loader=loader))  # noqa: S506 - a safe one
        return
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            yield line


def _strings(value: Any) -> Iterator[Any]:
    """The strings in a document, and its objects of plain values, such as contexts, as they are."""
    if isinstance(value, dict):
        if "message" in value:
            yield value
        else:
            for key, one in value.items():
                if key != "match":  # expressions, and no texts
                    yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, str):
        yield value


def taken_from(files: Iterable[Path]) -> tuple[int, list[Taken]]:
    """How many values the files have, and those that lose something."""
    from andon.core.redact import Redactor, visible

    count, taken = 0, []
    for file in files:
        for value in values_in(file):
            count += 1
            if isinstance(value, str):
                text = visible(value)
                shown = Redactor().redact(text)
            else:
                text = json.dumps(value, ensure_ascii=False)
                shown = json.dumps(Redactor().whole(value), ensure_ascii=False)
                text = shown if "[secret " not in shown else text
            if shown != text:
                taken.append(Taken(file.name, text, shown))
    return count, taken


def main() -> int:
    """Print the count and each redaction; 1 where there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--time", action="store_true", help="measure the time of a text as well")
    asked = parser.parse_args()
    files = asked.files or bundled()
    begin = time.thread_time()
    count, taken = taken_from(files)
    seconds = time.thread_time() - begin
    for one in taken:
        sys.stdout.write(f"{one.source}: {one.text}\n  -> {one.shown}\n")
    cost = f", {1e6 * seconds / max(count, 1):.0f} us each" if asked.time else ""
    sys.stdout.write(f"{len(taken)} of {count} values in {len(files)} files lose something{cost}\n")
    return bool(taken)


if __name__ == "__main__":
    sys.exit(main())
