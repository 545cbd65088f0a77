"""Whether a Splunk would do what it is configured for. Nothing is written, not even an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

from andon.act.connectors.connector import Checked
from andon.act.connectors.http import Client
from andon.core.errors import ActionError
from andon.core.outgoing_http import entries, table, text
from andon.core.settings.connectors.splunk_settings import SplunkTable

#: What a user must be able to do, for searches and for alerts.
_SEARCH, _SCHEDULE = "search", "schedule_search"
#: The event collector's code for a request without any data: the token is good.
_NO_DATA = 5


async def check(known: SplunkTable, rest: Client | None, hec: Client | None) -> Sequence[Checked]:
    """What both addresses say. Never raises for what it examines."""
    found = await asyncio.gather(
        _all(_rest(known, rest)) if rest is not None else _nothing(),
        _all(_hec(known, hec)) if hec is not None else _nothing(),
    )
    return [one for part in found for one in part]


async def _nothing() -> list[Checked]:
    return []


async def _all(checks: AsyncIterator[Checked]) -> list[Checked]:
    made: list[Checked] = []
    try:
        async for one in checks:
            made.append(one)  # noqa: PERF401 - what was found before a failure counts
    except ActionError as error:
        made.append(Checked(False, str(error)))
    return made


async def _rest(known: SplunkTable, rest: Client) -> AsyncIterator[Checked]:
    """The management address: version, login, rights, app, indexes."""
    info = await _content(rest, "/services/server/info")
    version = text(info, "version") or "of an unknown version"
    yield Checked(True, f"Splunk {version} answers at {known.url}")
    if (major := version.split(".", 1)[0]).isdigit() and int(major) < 9:
        yield Checked(False, f"Splunk {version} has no search/v2", "update it to 9.0.1 or newer")
    context = await _content(rest, "/services/authentication/current-context")
    user = text(context, "username") or "?"
    listed = context.get("capabilities")
    able = set(listed) if isinstance(listed, list) else set()
    needed = []
    if known.searches != "off":
        needed.append(_SEARCH)
    if known.alerts:
        needed += [_SEARCH, _SCHEDULE]
    missing = [one for one in dict.fromkeys(needed) if one not in able]
    if missing:
        yield Checked(
            False,
            f"the user {user} lacks {' and '.join(missing)}",
            "add these capabilities to one of its roles in Splunk (Settings, Roles)",
        )
    else:
        yield Checked(True, f"logged in as {user}")
    if known.alerts:
        yield await _app(known, rest)
    for index in dict.fromkeys([*known.search_indexes, *known.indexes]):
        yield await _index(rest, index)


async def _app(known: SplunkTable, rest: Client) -> Checked:
    path = f"/services/apps/local/{quote(known.app)}"
    response = await rest.request("GET", f"{rest.base}{path}", params={"output_mode": "json"}, returned=(404,))
    if response.status_code == 404:
        return Checked(
            False, f"there is no app {known.app}", "correct app: use its name from the address of the Splunk page"
        )
    return Checked(True, f"alerts are saved in the app {known.app}")


async def _index(rest: Client, index: str) -> Checked:
    url = f"{rest.base}/services/data/indexes/{quote(index)}"
    response = await rest.request("GET", url, params={"output_mode": "json"}, returned=(403, 404))
    if response.is_success:
        return Checked(True, f"the index {index} exists")
    return Checked(
        None,
        f"the index {index} cannot be found from here ({rest.said(response) or response.status_code})",
        "this is normal if the indexers are separate machines; otherwise correct its name",
    )


async def _hec(known: SplunkTable, hec: Client) -> AsyncIterator[Checked]:
    """The event collector: whether it has room, and whether it takes the token."""
    health = await hec.request("GET", f"{hec.base}/services/collector/health")
    yield Checked(True, f"{hec.said(health) or 'the event collector answers'} at {known.hec_url}")
    response = await hec.request(
        "POST",
        f"{hec.base}/services/collector/event",
        headers={"X-Splunk-Request-Channel": "00000000-0000-0000-0000-000000000000"},
        returned=(400,),
        reads=True,
    )
    answer = hec.json(response)
    if isinstance(answer, dict) and answer.get("code") == _NO_DATA:
        yield Checked(True, "the event collector accepts the token (an empty request, nothing was written)")
    else:
        yield Checked(False, f"the event collector answers {hec.said(response)}", "look up what its code means")


async def _content(client: Client, path: str) -> dict[str, object]:
    answer = client.json(await client.request("GET", f"{client.base}{path}", params={"output_mode": "json"}))
    return table(next(iter(entries(answer, "entry")), {}), "content")
