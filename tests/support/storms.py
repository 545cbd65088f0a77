"""A storm: many logs of a few problems, as they come when a line goes down. Standard library only."""

from __future__ import annotations

import random
from collections.abc import Iterator

THINGS = (
    *(
        "spindle drive",
        "label printer",
        "oven burner",
        "torque wrench",
        "barcode reader",
        "coolant pump",
        "gantry axis",
    ),
    *("recipe archive", "palletizer gripper", "weld controller", "vision camera", "batch historian", "dosing valve"),
    *(
        "order interface",
        "light curtain",
        "hydraulic press",
        "paint robot",
        "leak tester",
        "conveyor belt",
        "air dryer",
    ),
    *(
        "edge gateway",
        "laser marker",
        "chiller unit",
        "shift calendar",
        "door interlock",
        "cutting table",
        "feeder bowl",
    ),
    *("safety relay", "transport vehicle", "storage rack", "steam boiler", "mixer agitator", "filling nozzle"),
    *(
        "glue station",
        "crane hoist",
        "weighing cell",
        "wrapping film",
        "tool magazine",
        "scrap shredder",
        "fire damper",
    ),
)
EVENTS = (
    "stopped answering after {a} ms on port {b}",
    "reported value {a} far outside its window of {b}",
    "rejected part SN-{a} at nest {b}",
    "lost contact with its supervisor for {a} seconds",
    "needed {a} attempts before job {b} was accepted",
    "switched itself off in cycle {a} of program {b}",
    "wrote only {a} of {b} records",
    "missed heartbeat {a} from 10.0.{b}.17",
)
REASONS = (
    "because the cabinet fan is blocked",
    "while maintenance mode stayed active",
    "since its certificate is no longer trusted",
    "although pressure looked normal",
    "during the nightly changeover",
)
SEVERITIES = ("WARNING", "ERROR")


def texts(count: int) -> list[str]:
    """Templates of ``count`` different problems (at most 40): any two differ in several words."""
    assert count <= len(THINGS) == 40
    return [f"The {thing} {EVENTS[number % 8]} {REASONS[number // 8]}" for number, thing in enumerate(THINGS[:count])]


def storm(problems: int, logs: int, seed: int = 1) -> Iterator[dict[str, object]]:
    """``logs`` logs of ``problems`` problems in mixed order, each problem there; numbers, hosts and serials vary."""
    dice = random.Random(seed)
    templates = texts(problems)
    for number in range(logs):
        which = number if number < problems else dice.randrange(problems)
        yield {
            "timestamp": f"2026-03-01T22:{number // 60 % 60:02d}:{number % 60:02d}.{dice.randrange(1000):03d}Z",
            "hostname": f"line{(which * 7 + dice.randrange(4)) % 20:02d}-plc",
            "severity": SEVERITIES[which % 2],
            "service": f"area{which % 6}",
            "message": templates[which].format(a=dice.randrange(2, 100_000), b=dice.randrange(1, 256)),
            "context": {
                "serial": f"SN{dice.randrange(10**8):08d}",
                "cycle": number,
                "temp_c": dice.randrange(900) / 10,
            },
        }
