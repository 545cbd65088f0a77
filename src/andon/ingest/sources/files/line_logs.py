"""Lines as messages: what their heads say, and what the site says of the file that they come from."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from andon.core.models import SUBJECT, utc_text
from andon.core.place_pattern import PlacePattern
from andon.core.settings.sources.file_settings import LineRules
from andon.core.timestamps import TimeReader
from andon.ingest.fields import Fields, Found
from andon.ingest.line_head import head_of
from andon.ingest.pieces import object_in
from andon.ingest.sources.files.joining import Joined, Joiner
from andon.ingest.sources.heard import HEADER_ROOM, Heard, Place, message_of, place_of, subject_of
from andon.ingest.sources.plain_line import level_of

#: What names of log files end with and programs do not.
_ENDING = re.compile(r"(?:[._\-]?(?:log|err|out|txt|json|jsonl|ndjson)|[._\-]\d[\d_.\-T]*|\.(?:gz|xz|bz2|zst))+$", re.I)
_HEADER_LOOKED_AT = 4_096


class Made(NamedTuple):
    """A message: where it goes and what it is; ``refused`` says why it is none."""

    subject: str
    data: bytes
    refused: str = ""


class LineLogs:
    """Makes the messages of one file. ``path`` is what the site's pattern is read over, empty for standard input.

    ``host`` is that of lines that name none, ``plain_host`` of those that are no JSON; ``most`` bytes fit into a
    message. With ``imported`` a line without a time has that of the line before it, at first ``near``, which also
    decides years that are not written; without, ``near`` is not used and the time of receipt counts.
    """

    def __init__(
        self,
        rules: LineRules,
        times: TimeReader,
        path: str = "",
        *,
        host: str = "",
        plain_host: str = "",
        most: int = 1_048_576,
        imported: bool = False,
        near: datetime | None = None,
        fallback: str = "utf-8",
    ) -> None:
        found = (PlacePattern(rules.place).read(path) if rules.place else None) or {}
        self._place = place_of(found).over(Place(rules.site, rules.area, rules.line, rules.machine))
        self._host = found.get("host", "") or rules.host or host
        self._plain_host = self._host or plain_host
        self._told = found.get("service", "") or rules.service
        self._service = self._told or program_of(path)
        self._rules = rules
        self._header = re.compile(rules.header) if rules.header else None
        self._times = times
        self._most = most
        self._context = {"file": path} if path else None
        self._imported = imported
        self._near = near
        self._last = near
        self._times_told: list[Found] = []  # by the last line of JSON; read only where the next line tells none
        #: What bytes are read as, first and where that does not fit.
        self.encoding, self.fallback = rules.encoding, fallback
        self._subject = subject_of(self._place)

    def joiner(self) -> Joiner:
        """What puts the lines of this file together."""
        return Joiner(multiline=self._rules.multiline, header=self._header)

    def message(self, log: Joined) -> Made | None:
        """The message of a log; None where there is nothing in it."""
        if log.binary:
            return Made("", b"", "binary")
        if not log.text:
            return None
        if self._rules.format != "plain" and log.text[0] == "{":
            made = self._of_json(log)
            if made is not None:
                return made
        if self._rules.format == "json":
            return Made("", b"", "not JSON")
        heard = self._of_header(log) if self._header is not None else None
        heard = heard or self._of_plain(log.text)
        heard.context = self._context
        if log.size:
            heard.context = {**(self._context or {}), "cut_from_bytes": log.size}
        return Made(*message_of(heard, self._most))

    def _of_json(self, log: Joined) -> Made | None:
        """The line as its logger wrote it, or with what it does not say itself put beside it."""
        tree = object_in(log.text)
        if tree is None:
            return None
        beside: dict[str, str] = {}
        if self._subject is None:
            levels = zip(("site", "area", "line", "machine"), self._place.levels, strict=True)
            beside = {name: level for name, level in levels if level and name not in tree}
        if beside or self._imported or '"hostname"' not in log.text or '"service"' not in log.text:
            beside |= self._untold(Fields(dict(tree)))
        text = log.text if not beside else _with(log.text, beside)
        data = text.encode("utf-8", "replace")
        if len(data) > self._most - HEADER_ROOM:
            return Made(*message_of(Heard(log.text, place=self._place), self._most))
        return Made(self._subject or SUBJECT, data)

    def _untold(self, fields: Fields) -> dict[str, str]:
        """What a line of JSON does not say itself, by the names of the reference's message."""
        known = {"hostname": self._host, "service": self._service, "severity": self._rules.severity}
        found = {name: value for name, value in known.items() if value and not fields.of(name)}  # type: ignore[arg-type]
        if self._imported:
            told = fields.of("timestamp")
            if told:
                self._times_told = told
            elif time := self._time(""):
                found["timestamp"] = time
        return found

    def _of_header(self, log: Joined) -> Heard | None:
        assert self._header is not None  # noqa: S101 - asked for only then
        found = self._header.match(log.text[:_HEADER_LOOKED_AT])
        if found is None:
            return None
        told = {name: value.strip() for name, value in found.groupdict().items() if value}
        message = told.get("message") or log.text[found.end() :].strip()
        if "message" in told:
            message += log.text[found.end() :].rstrip()
        return self._heard(
            message or log.text,
            self._time(told.get("time", ""), self._rules.time_format),
            told.get("host", ""),
            told.get("severity") or level_of(message),
            told.get("service", ""),
        )

    def _of_plain(self, text: str) -> Heard:
        head = head_of(text)
        return self._heard(text, self._time(head.time), head.host, level_of(text), head.program)

    def _heard(self, text: str, time: str | None, host: str, severity: str | None, service: str) -> Heard:
        grade, program = severity or self._rules.severity or None, service or self._told or self._service
        return Heard(text, time, host or self._plain_host, grade, program, place=self._place)

    def _time(self, text: str, form: str = "") -> str | None:
        """A time as it is stored, None where the line tells none and that of receipt counts."""
        moment = self._moment(text, form) if text else None
        if moment is None:
            self._last = self._told_last() or self._last
            return utc_text(self._last) if self._imported and self._last is not None else None
        self._last, self._times_told = moment, []
        return utc_text(moment)

    def _told_last(self) -> datetime | None:
        """The moment that the line of JSON before this one told."""
        told, self._times_told = self._times_told, []
        moments = (self._times.read(msgspec.json.decode(one.raw), self._near or datetime.now(UTC))[0] for one in told)
        return next(filter(None, moments), None)

    def _moment(self, text: str, form: str) -> datetime | None:
        value: str | datetime = text
        if form:
            try:
                value = datetime.strptime(text, form)  # noqa: DTZ007 - the reader puts it into the site's zone
            except ValueError:
                return None
        near = self._near if self._imported and self._near is not None else datetime.now(UTC)
        return self._times.read(value, near)[0]


def _with(text: str, beside: dict[str, str]) -> str:
    """A JSON object with more fields behind its own; the rest stays as it was written."""
    inner = text.rstrip().removesuffix("}").rstrip()
    more = msgspec.json.encode(beside).decode()[1:]
    return f"{inner}{'' if inner.endswith('{') else ', '}{more}"


def program_of(path: str) -> str:
    """What a file is called without its ending and its date: what wrote it, as far as its name tells.

    >>> program_of("/var/log/press/robot-4.log.1"), program_of("/data/line_2026-11-30.txt"), program_of("")
    ('robot-4', 'line', '')
    """
    name = os.path.basename(path)
    return _ENDING.sub("", name) or name
