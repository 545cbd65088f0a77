"""Searching Splunk: at once (oneshot) or as a stream (export), and the alerts that fired. It changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlencode

import msgspec
from pydantic import Field

from andon.act.connectors.connector import Reader
from andon.act.connectors.http import Client
from andon.act.connectors.splunk import spl
from andon.core.errors import ActionRefused, TargetAway
from andon.core.outgoing_http import entries, table, text
from andon.core.redact import clean

FORM = "application/x-www-form-urlencoded"
#: Rows of one answer, and characters of a row.
ROWS, ROW_MAX = 50, 1_500
#: Characters of an answer as it is handed on.
_TOLD_MAX = 20_000
#: Seconds of the timeout that are left for the answer to come.
_MARGIN = 2.0

Search = Annotated[
    str,
    Field(
        max_length=spl.SEARCH_MAX,
        description="SPL, such as: index=main host=press-4 error | stats count by sourcetype. Only commands that read "
        "are allowed.",
    ),
]
Time = Annotated[
    str, Field(max_length=40, description="Time as Splunk writes it: -4h, -7d@d, now, 2025-01-15T02:00:00.")
]
Most = Annotated[int, Field(ge=1, le=ROWS, description="Maximum number of rows.")]


class Found(NamedTuple):
    """What a search found: rows, whether there are more of them, and what Splunk said beside them."""

    rows: list[dict[str, Any]]
    more: bool
    said: list[str]


class Searches:
    """Searches over one connection, kept to ``indexes`` where any are named."""

    def __init__(self, client: Client, way: Literal["oneshot", "export"], indexes: tuple[str, ...]) -> None:
        self._client = client
        self._way = way
        self._indexes = indexes

    def readers(self, name: str) -> tuple[Reader, ...]:
        """What a model and people may look up, called after the target."""
        only = f" Only these indexes are searched: {', '.join(self._indexes)}." if self._indexes else ""
        word = name.replace("-", "_")
        return (
            Reader(
                f"{word}_search",
                self.look,
                f"Search the logs in Splunk ({name}) with SPL that only reads; the time is given beside it.{only}",
            ),
            Reader(f"{word}_alerts", self.fired, f"Alerts of Splunk ({name}) that fired lately."),
        )

    async def look(self, search: Search, earliest: Time = "-24h", latest: Time = "now", most: Most = 20) -> str:
        """What a search finds, as text: a row a line, in JSON. Raises ActionError."""
        found = await self.find(search, earliest, latest, most)
        return _told(found, f"from {earliest.strip()} to {latest.strip()}")

    async def find(self, search: str, earliest: str, latest: str, most: int) -> Found:
        """At most ``most`` rows of a search that only reads. Raises ActionError in Splunk's words."""
        form = {
            "search": spl.read_only(search, self._indexes),
            "earliest_time": spl.checked_time(earliest, "earliest"),
            "latest_time": spl.checked_time(latest, "latest"),
            "output_mode": "json",
            # it ends with what it has before nobody listens any more
            "max_time": str(max(1, int(self._client.timeout - _MARGIN))),
        }
        most = max(1, min(most, ROWS))
        if self._way == "export":
            form |= {"search": f"{form['search']} | head {most + 1}", "preview": "false"}
            response = await self._post("search/v2/jobs/export", form)
            found = list(_lines(self._client.name, response.text))
        else:
            form |= {"exec_mode": "oneshot", "count": str(most + 1)}
            answer = self._client.json(await self._post("search/v2/jobs", form))
            found = [answer if isinstance(answer, dict) else {}]
        return self._found(found, most)

    async def fired(self) -> str:
        """Which alerts fired lately, the most often first. Raises ActionError."""
        url = f"{self._client.base}/services/alerts/fired_alerts"
        answer = self._client.json(
            await self._client.request("GET", url, params={"output_mode": "json", "count": "50"})
        )
        fired = [
            (int(str(count)), str(one.get("name")))
            for one in entries(answer, "entry")
            if one.get("name") != "-" and str(count := table(one, "content").get("triggered_alert_count", 0)).isdigit()
        ]
        lines = [f"{name}: fired {count:,} times" for count, name in sorted(fired, reverse=True)[:ROWS] if count]
        return "\n".join(lines) or "no alert that this user may see has fired"

    async def _post(self, path: str, form: dict[str, str]) -> Any:
        return await self._client.request(
            "POST",
            f"{self._client.base}/services/{path}",
            body=urlencode(form),
            headers={"Content-Type": FORM},
            reads=True,
        )

    def _found(self, answers: list[dict[str, Any]], most: int) -> Found:
        """The rows in what was answered; raises ActionRefused where a 200 tells of a failure."""
        rows: list[dict[str, Any]] = []
        said: list[str] = []
        for answer in answers:
            for message in entries(answer, "messages"):
                words = clean(" ".join((text(message, "text") or "").split()), 400)
                if str(message.get("type")).upper() in ("FATAL", "ERROR"):
                    raise ActionRefused(f"{self._client.name} did not run the search: {words}")
                if words and words not in said and str(message.get("type")).upper() != "DEBUG":
                    said.append(words)
            rows += entries(answer, "results")
            if answer.get("result") and answer.get("preview") is not True:
                rows.append(table(answer, "result"))
        return Found(rows[:most], len(rows) > most, said[:5])


def _lines(name: str, answer: str) -> Iterator[dict[str, Any]]:
    """The objects of an exported answer; its last says that it is, or else the search was cut off."""
    whole = False
    for line in answer.splitlines():
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line.encode())
        except msgspec.DecodeError:
            raise TargetAway(f"{name} stopped in the middle of its answer") from None
        if isinstance(value, dict):
            whole = whole or value.get("lastrow") is True
            yield value
    if not whole:
        yield {"messages": [{"type": "WARN", "text": "Splunk did not say that these are all rows"}]}


def _told(found: Found, when: str) -> str:
    """Rows as text; what Splunk keeps for itself (names with _, but for time and text) is left out."""
    if not found.rows:
        return "\n".join([f"nothing was found {when}", *found.said])
    more = ", and there are more" if found.more else ""
    lines = [f"{len(found.rows)} rows {when}{more}:"]
    size = 0
    for row in found.rows:
        shown = {name: one for name, one in row.items() if not name.startswith("_") or name in ("_time", "_raw")}
        if "_raw" in shown:  # the rest says it again
            shown = {name: one for name, one in shown.items() if name in ("_time", "_raw", "host", "source", "index")}
        line = json.dumps(shown, ensure_ascii=False)
        line = line if len(line) <= ROW_MAX else f"{line[:ROW_MAX]} …"
        if (size := size + len(line)) > _TOLD_MAX:
            lines.append("the rest is too long to show: ask for fewer rows or fields")
            break
        lines.append(line)
    return "\n".join([*lines, *found.said])
