"""Three months of a made-up plant's error logs: what the measurements of the history are taken on.

Eight lines with sixty hosts, four hundred problems whose frequencies follow Zipf's law, the rhythm of days, shifts and
weekends, single alarms that chatter and floods of many alarms at once, contexts as controllers, drives, vision systems
and daemons write them. The same seed makes the same logs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from andon.core.models import STREAM, LogRecord

DAYS = 90
LINES = 8
HOSTS = 60
PROBLEMS = 400
SEVERITIES = {"CRITICAL": 0.02, "ERROR": 0.15, "WARNING": 0.50, "INFO": 0.33}
_SERVICES = (
    *("motion", "plc-gateway", "historian", "vision", "opc-bridge", "scada", "mes-client"),
    *("robot-cell", "safety", "label-printer", "torque-ctl", "oven-ctl"),
)
_VERBS = (
    *("Reading", "Writing", "Homing", "Clamping", "Indexing", "Dosing", "Sealing", "Verifying", "Starting", "Feeding"),
    *("Gripping", "Heating", "Cooling", "Scanning", "Tightening", "Releasing", "Aligning", "Charging", "Purging"),
)
_THINGS = (
    *("axis servo", "recipe table", "gripper valve", "inlet sensor", "torque record", "label printer", "oven zone"),
    *("conveyor drive", "light curtain", "vacuum pump", "spindle", "coolant loop", "camera trigger", "tool changer"),
    *("hydraulic unit", "door interlock", "pallet lift", "glue nozzle", "weld head", "encoder", "frequency converter"),
)
_ENDS = (
    "failed after {a} ms, retry {b}",
    "timed out at position {a}.{b}, expected within {c} ms by the sequence step",
    "out of tolerance: measured {c}.{b}, limit {a}.0; part rejected and the station waits for the operator",
    "reported overcurrent {b}.{a} A on phase {b}",
    "lost communication with node {b} ({a} frames dropped), fallback to last known value",
    "is not ready, interlock {b} open since {a} s; check guard door and emergency stop circuit of the cell",
)
_FIRMWARE = ("2.0.9", "2.1.2", "2.1.4", "2.2.0")
#: Share of an average hour's logs that an hour of the day has, in UTC.
_RHYTHM = (6, 6, 6, 6, 7, 8, 11, 12, 12, 12, 11, 10, 11, 12, 11, 11, 10, 10, 9, 9, 9, 8, 7, 6)


class Problem:
    """One kind of error: its text, where it happens, how bad it is and how often."""

    def __init__(self, rank: int, dice: random.Random) -> None:
        self.name = f"problem-{rank:03d}"
        self.text = f"{dice.choice(_VERBS)} of {dice.choice(_THINGS)} {rank % 37} {dice.choice(_ENDS)}"
        self.template = self.text.format(a="<*>", b="<*>", c="<*>")
        self.service = _SERVICES[rank % len(_SERVICES)]
        self.code = f"E{1000 + rank * 7}"
        self.weight = 1 / (rank + 1)
        self.kind = rank % 4
        self.hosts = dice.sample(
            range(HOSTS), max(1, min(HOSTS, int(dice.expovariate(1 / 6)) + (12 if rank < 8 else 1)))
        )
        #: the day it first happens: one in eight is new in the last month
        self.first_day = dice.randrange(DAYS - 30, DAYS) if rank % 8 == 5 else 0
        self.severity = ""


class Plant:
    """Makes the logs of ``DAYS`` days up to ``end`` (unix seconds), about ``rows`` of them, in the order of time."""

    def __init__(self, rows: int, end: int, seed: int = 5) -> None:
        self._dice = random.Random(seed)
        self.problems = [Problem(rank, self._dice) for rank in range(PROBLEMS)]
        self.hosts = [
            (f"{('plc', 'robot', 'vision', 'drive', 'hmi')[n % 5]}-{n % LINES + 1:02d}-{n:02d}", n % LINES + 1)
            for n in range(HOSTS)
        ]
        self._start = (end // 3600 - DAYS * 24) * 3600
        self._per_hour = rows / (DAYS * 24)
        self._sequence = 0
        self._rate_severities()

    def _rate_severities(self) -> None:
        """Give each problem one severity so that the shares of all logs come out as wanted."""
        total = sum(one.weight for one in self.problems)
        left = {name: share * total for name, share in SEVERITIES.items()}
        for one in self.problems:
            one.severity = max(left, key=lambda name: left[name])
            left[one.severity] -= one.weight

    def hours(self) -> Iterator[list[LogRecord]]:
        """The logs hour by hour."""
        for hour in range(DAYS * 24):
            yield self._hour(hour)

    def _hour(self, hour: int) -> list[LogRecord]:
        dice, day, begin = self._dice, hour // 24, self._start + hour * 3600
        weekend = 0.35 if time.gmtime(begin).tm_wday >= 5 else 1.26
        count = round(self._per_hour * weekend * _RHYTHM[hour % 24] / 8.25 * dice.uniform(0.7, 1.1))
        active = [one for one in self.problems if one.first_day <= day]
        drawn = dice.choices(active, [one.weight for one in active], k=count)
        moments = [dice.random() * 3600 for _ in drawn]
        if dice.random() < 0.08:  # a flood: many different alarms of one line within minutes
            at, line = dice.random() * 3000, dice.randrange(LINES)
            for one in dice.sample(active, 40):
                for _ in range(dice.randrange(1, 6)):
                    drawn.append(one)
                    moments.append(at + line + dice.random() * 400)
        if dice.random() < 0.3:  # one alarm chatters
            at, one = dice.random() * 3400, dice.choice(active)
            repeats = dice.randrange(20, 120)
            drawn += [one] * repeats
            moments += [at + n * 1.5 for n in range(repeats)]
        order = sorted(range(len(drawn)), key=moments.__getitem__)
        return [self._log(drawn[n], begin, min(moments[n], 3599.999), day) for n in order]

    def _log(self, one: Problem, begin: int, offset: float, day: int) -> LogRecord:
        rand = self._dice.random
        self._sequence += 1
        second = int(offset)
        moment = begin + second
        number = one.hosts[int(rand() * len(one.hosts))]
        hostname, line = self.hosts[number]
        a, b, c = int(rand() * 900), int(rand() * 9), int(rand() * 5000)
        return LogRecord(
            stream=STREAM,
            sequence=self._sequence,
            stored_ns=moment * 10**9 + int(rand() * 10**9),
            timestamp=f"{_minute(moment // 60)}:{moment % 60:02d}.{int((offset - second) * 1000):03d}Z",
            hostname=hostname,
            severity=one.severity,
            service=one.service,
            message=one.text.format(a=a, b=b, c=c),
            fingerprint=one.name,
            template=one.template,
            context=self._context(one, number, line, day, moment, a, c),
            site="hamburg",
            area=("press", "body", "paint", "assembly")[line % 4],
            line=f"line-{line}",
            machine=f"machine-{number:02d}",
        )

    def _context(self, one: Problem, number: int, line: int, day: int, moment: int, a: int, c: int) -> str:
        # the second most frequent problem comes six times as often with one firmware
        firmware = _FIRMWARE[2] if one.name == "problem-001" and c % 6 else _FIRMWARE[(number + day // 30) % 4]
        shift = moment // 28_800
        if one.kind == 0:
            return (
                f'{{"alarm_code":"{one.code}","firmware":"{firmware}","recipe":"R-{200 + (line * 3 + day // 4) % 24}",'
                f'"lot":"L{day:02d}{shift % 3}-{line}","operator":"op{(shift * 7 + line) % 45:02d}",'
                f'"station":{number % 12},"value":{a / 10},"limit":40.0}}'
            )
        if one.kind == 1:
            return (
                f'{{"pid":{1000 + (number * 131 + day * 17) % 30000},"thread":"worker-{c % 8}","retry":{c % 5},'
                f'"duration_ms":{a},"version":"{firmware}","queue":"q{line}"}}'
            )
        if one.kind == 2:
            return (
                f'{{"alarm_code":"{one.code}","firmware":"{firmware}","axis":{c % 6},"temperature":{a / 10},'
                f'"current":{c / 100},"cycle":{self._sequence},"recipe":"R-{200 + (line * 3 + day // 4) % 24}"}}'
            )
        return (
            f'{{"request_id":"{self._sequence * 2654435761 % 2**48:012x}","endpoint":"/api/v2/orders/{c % 40}",'
            f'"status":{(500, 502, 503, 504)[c % 4]},"firmware":"{firmware}",'
            f'"operator":"op{(shift * 7 + line) % 45:02d}","lot":"L{day:02d}{shift % 3}-{line}"}}'
        )


_last_minute: tuple[int, str] = (-1, "")


def _minute(minute: int) -> str:
    """A minute since 1970 as the beginning of a stored time."""
    global _last_minute  # the logs come in the order of time
    if _last_minute[0] != minute:
        _last_minute = (minute, time.strftime("%Y-%m-%dT%H:%M", time.gmtime(minute * 60)))
    return _last_minute[1]


#: Characters of a message as producers publish it beside its values: names, quotes, commas, without spaces.
_FRAME = len('{"timestamp":"","hostname":"","severity":"","service":"","message":"","context":}')


def raw_bytes(records: list[LogRecord]) -> int:
    """What these logs take as compact JSON, one message each."""
    return sum(
        _FRAME
        + len(r.timestamp)
        + len(r.hostname)
        + len(r.severity)
        + len(r.service)
        + len(r.message)
        + len(r.context or "")
        for r in records
    )
