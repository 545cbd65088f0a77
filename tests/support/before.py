"""What `before.db.gz` holds, and how it was made: by the program of November 2026, before fingerprints changed.

Run at that revision (a6992c1), with its sources and tests on the path, this writes the file anew::

    PYTHONPATH=$THEN/src:$THEN/tests python tests/support/before.py before.db && gzip -9n before.db
"""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
import sys
from pathlib import Path
from typing import Any

NAMES = ["alice", "bob", "carol", "dave", "erin", "frank"]
RECIPES = ["lager", "stout", "porter", "helles", "kolsch", "pilsner"]

_GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/line/main.py", line {line}, in main
  |     async with TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/line/{file}.py", line 88, in poll
    |     await read()
    | {what}
    +------------------------------------"""
_CGLIB = """org.springframework.dao.QueryTimeoutException: order query timed out
\tat com.plant.OrderService$$EnhancerBySpringCGLIB$${a}.load(<generated>)
\tat com.plant.OrderService$$FastClassBySpringCGLIB$${b}.invoke(<generated>)
\tat com.plant.Dispatcher.lambda$run${n}(Dispatcher.java:41)
Caused by: java.net.SocketTimeoutException: Read timed out
\tat java.net.SocketInputStream.read(SocketInputStream.java:150)"""
_PLAIN = (
    "Coolant pump does not start after emergency stop",
    "Conveyor belt slips at the infeed",
    "Belt drive runs without load at the infeed",
    "Label printer is out of ribbon",
    "Vision system lost the calibration of camera {n}",
    "Tank {n} level sensor reports a broken wire",
    "Robot stopped by the light curtain of cell {n}",
    "Recipe download from the server took {n} ms and was cancelled",
    "Spindle bearing temperature {n} C exceeds the limit",
    "SRVO-062 BZAL alarm (Group:1 Axis:{n})",
    "ORA-00600: internal error code, arguments: [{n}]",
    "Backup of the line server failed: no space left on device",
)

#: A log: what it says, its service, its context. Each kind as programs send it, with other values each time.
_KINDS: list[list[tuple[str, str, dict[str, Any]]]] = [
    # codes that were taken for values
    [(f"mbedtls_ssl_handshake returned {code}", "mqtt", {}) for code in ("-0x7280", "-0x2700", "-0x6c00", "-0x7280")],
    [(f"S7 read of DB12 answered status W#16#{c}", "plc-gate", {}) for c in ("80C4", "80B1", "8302", "80C4")],
    [(f"usb {n}-1: device descriptor read failed: {c}", "kernel", {}) for n, c in ((1, "-110"), (2, "-71"), (3, "-71"))],
    [(f"Fault {c} reported by drive {n}", "drive", {}) for n, c in ((4, "2310h"), (5, "7300h"), (6, "2310h"))],
    [(f"Modbus exception Type {t} Code {c} from slave 4", "modbus", {}) for t, c in (("03", 16), ("06", 2), ("03", 2))],
    [(f"{code}: pressure in the header too low", "air", {}) for code in ("C153A0", "C153A1", "C153A0")],
    [(f"{code} guard door open", "cell", {}) for code in ("0x0F201C", "0x0F2020")],
    [(f"Supply {sign}24V of rack {n} missing", "io", {}) for sign, n in (("+", 1), ("-", 2), ("-", 3))],
    [("Axis in overtravel", "cnc", {"alarm_code": c}) for c in (1205.0, 1206.0, "SV 0401", "SV 0410")],
    # values that were taken for codes
    [("Message lost on its way to the archive", "hub", {"msg_id": n}) for n in (7001, 7002, 7003)],
    [("Reader at the gate does not answer", "gate", {"event": {"id": f"e{n}"}}) for n in (1, 2)],
    [("Radio link is weak", "agv", {"signal": n}) for n in (-67, -71)],
    # text without blanks
    [(f"{n}号炉温度超过{t}度", "furnace", {}) for n, t in ((3, 850), (12, 910), (3, 860))],
    [(f"冷却水流量低于{n}升每分钟", "furnace", {}) for n in (30, 35)],
    [(f"モーター{n}が過負荷で停止しました", "furnace", {}) for n in (3, 4)],
    # traces
    [
        (_GROUP.format(line=line, file=file, what=what), "poller", {})
        for line, file, what in (
            (12, "scale", "ConnectionResetError: scale went away"),
            (12, "scanner", "ValueError: scanner sent half a code"),
            (14, "scale", "ConnectionResetError: scale went away"),
        )
    ],
    [(_CGLIB.format(a=a, b=b, n=n), "orders", {}) for a, b, n in (("7f3ac1d2", "1b2c", 0), ("9e01bb7a", "77aa", 1))],
    [("Job failed", "jobs", {"exception": f"Traceback (most recent call last):\n{e}"}) for e in ("KeyError: 'lot'", "OSError: gone")],
    # requests
    [(f"GET /api/orders/{n}?page={p} HTTP/1.1 500", "web", {}) for n, p in ((17, 2), (18, 3))],
    [(f"GET /api/orders?{query} HTTP/1.1 {status}", "web", {}) for query, status in (("sort=a", 404), ("n=1&m=2", 500))],
    # one word that varies
    [(f"Login of operator {name} at the panel was refused", "panel", {}) for name in NAMES],
    [(f"Recipe {name} could not be found on the batch server", "batch", {}) for name in RECIPES],
    [(f"{what} overheated on station 4", "cell", {}) for what in ("valve", "motor", "drive", "sensor", "pump")],
    # what stays as it is
    *([(text.format(n=n), "plc", {}) for n in (3, 14)] for text in _PLAIN),
]  # fmt: skip

#: Alarms by what they are, with a state; those without a code are named after their problem.
_ALARMS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("open", "Supply -24V of rack 2 missing", "io", {}),
    ("acknowledged", "12号炉温度超过910度", "furnace", {}),
    ("shelved", "Coolant pump does not start after emergency stop", "plc", {}),
    ("open", "Login of operator carol at the panel was refused", "panel", {}),
    ("over", "Label printer is out of ribbon", "plc", {}),
    ("open", "Axis in overtravel", "cnc", {"alarm_code": "SV 0401"}),
    ("open", "High level", "opc", {"SourceName": "Tank 5", "ConditionName": "HighLevel"}),
    ("open", "Coolant low", "agent", {"dataItemId": "cool-1", "type": "COOLANT"}),
    ("open", "Filter is blocked", "scada", {"id": 4711, "area": "paint"}),
)
#: A problem that waits for its explanation.
WAITING = "Safety relay of the palletizer does not reset"

#: Confirmed fixes, by a text of their problem.
FIXES = {
    "mbedtls_ssl_handshake returned -0x2700": "Renewed the certificate of the broker",
    "S7 read of DB12 answered status W#16#80C4": "Raised the number of connections of the CPU",
    "3号炉温度超过850度": "Cleaned the burner",
    "Conveyor belt slips at the infeed": "Tightened the belt",
    "Login of operator bob at the panel was refused": "Synchronised the clock of the panel",
    "Tank 3 level sensor reports a broken wire": "Replaced the plug of the sensor",
    "GET /api/orders/17?page=2 HTTP/1.1 500": "Restarted the order service",
}
REVOKED = "Label printer is out of ribbon"


def a_log(message: str, service: str, context: dict[str, Any], number: int, state: str = "") -> dict[str, Any]:
    """The message of a log as a producer sends it; ``number`` is its second."""
    return {
        "timestamp": f"2026-03-01T{22 + number // 3600}:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "hostname": f"host-{number % 3}",
        "severity": "ERROR",
        "service": service,
        "message": message,
        "context": {**context, "machine": "press-7", "state": state} if state else context,
    }


def logs() -> list[dict[str, Any]]:
    """Everything that was sent, but for what waits."""
    told = [one for kind in _KINDS for one in kind]
    sent = [a_log(*one, number) for number, one in enumerate([*told, *told])]
    return sent + alarm_logs("active", 300)


def alarm_logs(state: str, first: int) -> list[dict[str, Any]]:
    """The alarms' logs with this state."""
    return [a_log(text, service, context, first + n, state) for n, (_, text, service, context) in enumerate(_ALARMS)]


def restore(place: Path) -> Path:
    """The file as the service of then left it, in the directory ``place``."""
    path = place / "agent.db"
    path.write_bytes(gzip.decompress(Path(__file__).with_suffix(".db.gz").read_bytes()))
    return path


async def _make(path: Path) -> None:
    from andon.store import alarms, problems
    from andon.testing import ScriptedAnalyst
    from support.pipeline import pipeline, until

    async with pipeline(path.parent, ScriptedAnalyst()) as p:

        def pattern(text: str) -> int:
            return p.store_ids[text]

        p.start()
        p.publish(*logs())
        await until(lambda: p.sql("SELECT count(analysis) FROM agent_logs") == [(len(logs()),)], "explanations")
        await p.stop()
        p.start("recorder")
        p.publish(a_log(WAITING, "plc", {}, 400))
        await until(lambda: len(p.sql("SELECT 1 FROM logs")) == len(logs()) + 1, "the last log")
        p.store_ids = dict(p.sql("SELECT message, pattern_id FROM logs"))
        await p.store.write(
            problems.merge,
            pattern("Belt drive runs without load at the infeed"),
            pattern("Conveyor belt slips at the infeed"),
        )
        await p.store.write(problems.split, pattern("Recipe porter could not be found on the batch server"))
        for text, fix in FIXES.items():
            await p.store.write(problems.resolve, pattern(text), fix, "worn out", "J. Smith", 1772400000.0)
        made = await p.store.write(problems.resolve, pattern(REVOKED), "Turned it off and on", None, None, 1772400000.0)
        await p.store.write(problems.revoke, pattern(REVOKED), made.id, 1772400100.0)
        while (await p.store.index(1000))[1]:
            pass
        p.publish(*(one for one in alarm_logs("cleared", 500) if one["message"] == REVOKED))
        await until(lambda: len(p.sql("SELECT 1 FROM logs")) == len(logs()) + 2, "an end")
        await p.store.index(1000)
        texts = dict(p.sql("SELECT text, id FROM alarms WHERE place = 'press-7'"))
        for what, text, *_ in _ALARMS:
            if what == "acknowledged":
                await p.store.write(alarms.acknowledge, texts[text], "J. Smith", "is being cleaned", now=1772400000.0)
            if what == "shelved":
                await p.store.write(alarms.shelve, texts[text], 3600.0, "J. Smith", "ordered", now=1772400000.0)
        await p.store.write(alarms.add_note, "Furnace 3 is to be watched", "J. Smith", now=1772400000.0)
    connection = sqlite3.connect(path.parent / "agent.db")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("VACUUM")
    connection.close()
    (path.parent / "agent.db").rename(path)


if __name__ == "__main__":
    asyncio.run(_make(Path(sys.argv[1]).absolute()))
