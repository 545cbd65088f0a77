"""What people are told of a storm, and what a look of the herald costs: many logs of many problems in half an hour.

The clock is the storm's: half an hour of it goes by as fast as the machine stores. Site and clock are those of the
tests. CPU seconds are those of the process.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
PROBLEMS = 500
_BEGIN, _LASTS, _MORNING = 2 * 3600.0, 1800.0, 8 * 3600.0
#: Logs are stored, and looked at, in so many portions.
_LOOKS = 150
ROUTES: tuple[dict[str, Any], ...] = (
    {"name": "crew", "to": ["chat"], "severity": "WARNING"},
    {
        "name": "nights", "to": ["phone"], "about": ["problem", "flood"], "quiet": "22:00-06:00",
        "escalate_after": "15m", "escalate_to": ["desk"],
    },
    {"name": "reports", "to": ["desk"], "about": ["shift"]},
)  # fmt: skip

if TYPE_CHECKING:
    from support.alarm_logs import Event


async def measure(*, quick: bool) -> None:
    """Print how many messages there were, what they say, and what the looks took."""
    sys.path.insert(0, str(TESTS))
    from support.told import MIDNIGHT, night

    logs = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        async with night(Path(place) / "agent.db", _BEGIN - 60, *ROUTES) as site:
            await site.until(_BEGIN - 1)
            events, step, spent = _storm(logs), logs // _LOOKS, 0.0
            for begin in range(0, logs, step):
                part = events[begin : begin + step]
                await site.store_quietly(part)
                site.now = MIDNIGHT + part[-1].at
                started = time.process_time()
                await site.look()
                spent += time.process_time() - started
            await site.until(_MORNING)
            print(f"{logs:,} logs of {PROBLEMS} problems in half an hour")
            print(f"  a look while they are active   {1000 * spent / _LOOKS:6.0f} ms of CPU time")
            for target in ("chat", "phone", "desk"):
                told = await site.told(target)
                print(f"  {target:<5} {len(told)} messages")
                for at, phase, title in told:
                    print(f"    {at} {phase:<7} {title}")


def _storm(logs: int) -> list[Event]:
    """Problems set in within ten minutes, one in fifty of them CRITICAL; from then on any of them logs."""
    from support.alarm_logs import Event

    dice = random.Random(1)
    begins = sorted((dice.random() * 600.0, number) for number in range(PROBLEMS))
    made, open_ = [], [begins.pop(0)[1]]
    for number in range(logs):
        at = _LASTS * number / logs
        while begins and begins[0][0] <= at:
            open_.append(begins.pop(0)[1])
        one = dice.choice(open_)
        severity = "CRITICAL" if one % 50 == 0 else "ERROR" if one % 2 else "WARNING"
        place = {"machine": f"Unit {one}", "line": f"Line {one % 6}", "area": "Hall"}
        text = f"Unit {one} reported value {dice.randrange(1000)}"
        made.append(Event(_BEGIN + at, None, severity, f"plc-{one % 20}", text, f"p{one}", place))
    return made
