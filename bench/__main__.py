"""Run the measurements: ``python -m bench [name ...]``; ``--quick`` for a short look.

``python -m bench compare REV`` measures two revisions side by side, ``python -m bench models --against REV`` what an
answer of a real small model costs in both.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial

import structlog

from andon.app.lifetime import loop_factory
from bench import (
    actions,
    agent_layer,
    compare,
    fingerprints,
    garbage,
    history,
    models,
    notices,
    pages,
    record_path,
    retaining,
    service_figures,
    sources,
    storm,
)

MEASUREMENTS = {
    "record": record_path.measure,
    "sources": sources.measure,
    "service": service_figures.measure,
    "fingerprints": fingerprints.measure,
    "storm": storm.measure,
    "agent": agent_layer.measure,
    "garbage": garbage.measure,
    "history": history.measure,
    "retention": retaining.measure,
    "page": pages.measure,
    "notices": notices.measure,
    "actions": actions.measure,
}

#: These take from ten minutes to half an hour: without being named they run on a small file.
LONG = ("history", "retention", "page", "garbage")


def main() -> None:
    """Parse, run, print."""
    if sys.argv[1:2] == ["compare"]:
        sys.exit(compare.main(sys.argv[2:]))
    if sys.argv[1:2] == ["models"]:
        sys.exit(models.main(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    known = ", ".join(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {known}; all unless given")
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds")
    parser.add_argument("--rows", type=int, help="logs in the file of `history` or `page`, ten million unless given")
    parser.add_argument("--fresh", action="store_true", help="make the file of `history` or `page` anew")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - MEASUREMENTS.keys():
        parser.error(f"there is no {min(unknown)}; there are {known}, compare and models")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    large = {
        name: partial(one, rows=arguments.rows, fresh=arguments.fresh)
        for name, one in {"history": history.measure, "page": pages.measure}.items()
    }
    for name in arguments.names or MEASUREMENTS:
        measure = large.get(name) or MEASUREMENTS[name]
        with asyncio.Runner(loop_factory=loop_factory()) as runner:  # the loop that the service runs on
            small = name in LONG and not arguments.names
            runner.run(measure(quick=arguments.quick or small))
            if small and not arguments.quick:
                print(f"  (a small file; in full with: python -m bench {name})")


if __name__ == "__main__":
    main()
