"""Run the measurements: ``python -m bench [name ...]``; ``--quick`` for a short look. It ends with a table.

``python -m bench compare REV`` measures two revisions side by side, ``python -m bench models --against REV`` what an
answer of a real small model costs in both, ``python -m bench counts`` what does not depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import structlog

from andon.app.lifetime import loop_factory
from bench import (
    actions,
    agent_layer,
    compare,
    counts,
    file_size,
    fingerprints,
    garbage,
    history,
    idle,
    indexer,
    listings,
    machine,
    models,
    notices,
    pages,
    record_path,
    retaining,
    service_figures,
    sources,
    start,
    storm,
    table,
    telegraf,
)
from bench.printed import Tee, rows_in
from bench.promises import with_goals
from bench.rows import Row

MEASUREMENTS: dict[str, Callable[..., Awaitable[Sequence[Row] | None]]] = {
    "record": record_path.measure,
    "sources": sources.measure,
    "service": service_figures.measure,
    "idle": idle.measure,
    "start": start.measure,
    "fingerprints": fingerprints.measure,
    "storm": storm.measure,
    "agent": agent_layer.measure,
    "file": file_size.measure,
    "indexer": indexer.measure,
    "garbage": garbage.measure,
    "history": history.measure,
    "retention": retaining.measure,
    "page": pages.measure,
    "listings": listings.measure,
    "notices": notices.measure,
    "actions": actions.measure,
    "telegraf": telegraf.measure,
}

#: These take from ten minutes to half an hour: without being named they run on a small file.
LONG = ("history", "retention", "page", "listings", "garbage")
#: These take the number of logs in their file.
SIZED = ("history", "page", "listings")
#: Commands of their own, with options of their own.
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "compare": compare.main,
    "counts": counts.main,
    "models": models.main,
}


def main() -> None:
    """Parse, run, print."""
    if command := COMMANDS.get("".join(sys.argv[1:2])):
        sys.exit(command(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    known = ", ".join(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {known}; all unless given")
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds")
    parser.add_argument(
        "--rows", type=int, help="logs in the file of `history`, `page` or `listings`, ten million unless given"
    )
    parser.add_argument("--fresh", action="store_true", help="make the file of these anew")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table and the machine there, too")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - MEASUREMENTS.keys():
        parser.error(f"there is no {min(unknown)}; there are {known}, {', '.join(COMMANDS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    before = machine.look()
    rows: list[Row] = []
    try:
        for name in arguments.names or MEASUREMENTS:
            rows += _measured(name, arguments)
    finally:  # what was found stands, whatever ended the run
        run = table.Run(machine.later(before), with_goals(rows))
        print(f"\n{table.printed(run)}")
        if arguments.json is not None:
            table.write(run, arguments.json)


def _measured(name: str, arguments: argparse.Namespace) -> Sequence[Row]:
    """The rows of one measurement; where it returns none, those that stand in what it prints."""
    measure = MEASUREMENTS[name]
    if name in SIZED:
        measure = partial(measure, rows=arguments.rows, fresh=arguments.fresh)
    small = name in LONG and not arguments.names
    quick = arguments.quick or small
    with Tee() as said, asyncio.Runner(loop_factory=loop_factory()) as runner:  # the loop that the service runs on
        found = runner.run(_awaited(measure, quick))
    if small and not arguments.quick:
        print(f"  (a small file; in full with: python -m bench {name})")
    rows = rows_in(name, said.text) if found is None else found
    full = not (quick or (arguments.rows and name in SIZED))
    return rows if full else [msgspec.structs.replace(row, full=False) for row in rows]


async def _awaited(measure: Callable[..., Awaitable[Sequence[Row] | None]], quick: bool) -> Sequence[Row] | None:
    return await measure(quick=quick)


if __name__ == "__main__":
    main()
