"""A running service that shows a plant's week, for the tests of its screens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from support.plant_week import fill
from support.service import Andon

#: The zone of the plant, and how long its shift works when it is looked at, in hours: the same at any time of day, and
#: on every day, because the zone has no summer time.
ZONE, WORKED = "Africa/Lagos", 7.5


def _shifts(now: float) -> str:
    """Three shifts of eight hours, of which the night has worked so long."""
    began = datetime.fromtimestamp(now, ZoneInfo(ZONE)) - timedelta(hours=WORKED)
    clock = [f"{began + timedelta(hours=8 * number):%H:%M}" for number in range(4)]
    return "".join(
        f'[[shifts]]\nname = "{name}"\nstart = "{clock[number]}"\nend = "{clock[number + 1]}"\n'
        for number, name in enumerate(("night", "early", "late"))
    )


@contextmanager
def plant_site(place: Path, **settings: str) -> Iterator[str]:
    """Its address, until the end."""
    andon = Andon(place, ANDON_SITE_NAME="Northfield", ANDON_TIME_ZONE=ZONE, **settings)
    andon.data.mkdir(mode=0o700)
    now = time.time()
    (place / "andon.toml").write_text(_shifts(now))
    with ThreadPoolExecutor(1) as pool:  # the browser has a loop of its own in this thread
        pool.submit(fill, andon.database, now).result()
    andon.start()
    try:
        yield f"http://127.0.0.1:{andon.http_port}/"
    finally:
        andon.stop()
