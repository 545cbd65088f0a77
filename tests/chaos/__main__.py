"""Break a running installation, seeded, and count what was lost: ``make chaos``, ``make chaos ALL=1``.

The table goes into docs/reliability.md with ``--write``.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import structlog

from chaos.faults import FAULTS, Fault
from chaos.outage import a_day_without_the_model
from chaos.site import DISK, Site, built
from chaos.table import Row, markdown, write
from support.mounts import small_disk


async def run(plan: list[Fault], seed: int) -> list[Row]:
    """Go through ``plan`` under load; a row for each kind of fault."""
    random_ = random.Random(seed)
    told: defaultdict[str, list[float]] = defaultdict(list)
    recovery: defaultdict[str, list[float]] = defaultdict(list)
    survived: Counter[str] = Counter()
    during: dict[int, str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="andon-chaos-") as directory,
        small_disk(Path(directory) / "site", DISK) as mounted,
    ):
        place = Path(directory) / "site"
        async with built(place, place if mounted else None) as site:
            if site.disk is None:
                print("no disk of its own can be mounted here: faults that need one are left out", flush=True)
                plan = [fault for fault in plan if not fault.needs_disk]
            site.start_producers()
            for number, fault in enumerate(plan, 1):
                site.book.fault = number
                during[number] = fault.name
                began = time.monotonic()
                if (seconds := await fault.breaks(site, random_)) is not None:
                    told[fault.name].append(seconds)
                recovery[fault.name].append(await site.recovered())
                survived[fault.name] += await site.all_stored(set(site.book.confirmed))
                print(f"{number:3} of {len(plan)}  {fault.name}: {time.monotonic() - began:.1f} s", flush=True)
            await site.stop_producers()
            await site.all_stored(set(site.book.confirmed))
            return _rows(site, during, survived, told)


def _rows(site: Site, during: dict[int, str], survived: Counter[str], told: dict[str, list[float]]) -> list[Row]:
    stored = Counter(site.stored())
    confirmed, lost, twice = Counter[str](), Counter[str](), Counter[str]()
    for number, fault in site.book.confirmed.items():
        name = during.get(fault, "")
        confirmed[name] += 1
        lost[name] += not stored[number]
        twice[name] += stored[number] > 1
    return [
        Row(name, sum(one == name for one in during.values()), survived[name], confirmed[name], lost[name], twice[name],
            max(told[name], default=None))
        for name in dict.fromkeys(during.values())
    ]  # fmt: skip


def planned(whole: bool, only: str, random_: random.Random) -> list[Fault]:
    """All faults as often as they come, in a random order."""
    plan = [fault for fault in FAULTS for _ in range(fault.whole if whole else fault.short) if only in fault.name]
    random_.shuffle(plan)
    return plan


def main() -> None:
    """Parse, run, print; exit status 1 where anything was lost or stored twice."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help="200 kills, and a day without the model by a simulated clock"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="TEXT", help="faults with this in their name")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began = time.monotonic()
    rows = asyncio.run(run(planned(arguments.all, arguments.only, random.Random(arguments.seed)), arguments.seed))
    outage = asyncio.run(a_day_without_the_model()) if arguments.all else None
    text = markdown(rows, outage, time.monotonic() - began, arguments.seed, whole=arguments.all)
    print(text)
    if arguments.write:
        write(text, whole=arguments.all)
    failed = any(row.lost or row.twice or row.survived < row.times for row in rows)
    if outage is not None:
        failed |= outage["published"] != outage["stored"] or outage["problems"] != outage["answered by the model"]
    sys.exit(failed)


if __name__ == "__main__":
    main()
