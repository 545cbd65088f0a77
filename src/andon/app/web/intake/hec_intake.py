"""Splunk's HTTP Event Collector: ``/services/collector`` with what lies below it."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from andon.app.web.intake.peer import peer_of
from andon.app.web.intake.reception import Item, Reception, UnreadyError
from andon.app.web.intake.ways import HEC, HEC_RAW, hec_answer, refused, way_of
from andon.ingest.sources import splunk_hec
from andon.ingest.sources.http_bodies import BodyRefused
from andon.ingest.sources.otlp_logs import Origin
from andon.ingest.sources.outlet import Outlet

#: Parameters of ``/raw`` that say something of its events.
_TOLD = ("time", "source", "sourcetype", "index")


class HecIntake:
    """Answers as Splunk does. Acknowledgements by channel are not offered: an answer says that the stream has it."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def __call__(self, request: Request) -> Response:
        """Take events; where some are none the others are taken, and the first of these is named."""
        try:
            outlet = self._reception.outlet(way_of(request).name, HEC)
            async with self._reception.body(request) as data:
                items = await self._reception.bounded(_items(request, outlet, data))
                receipt = await self._reception.take(outlet, items)
        except (BodyRefused, UnreadyError) as error:
            self._reception.count(way_of(request).name, HEC, error)
            return refused(request, error)
        except ClientDisconnect:
            return Response(status_code=400)
        if not receipt.taken and not receipt.refused:
            outlet.refuse("empty")
            return hec_answer(splunk_hec.NO_DATA)
        if receipt.refused:
            first = receipt.refused[0]
            code = splunk_hec.CODES.get(first.reason, splunk_hec.WRONG_FORMAT)
            return hec_answer(code, **{"invalid-event-number": first.index})
        return hec_answer(splunk_hec.SUCCESS)

    def health(self) -> Response:
        """Whether events can be taken now."""
        try:
            self._reception.outlet("splunk hec", HEC)
        except UnreadyError as error:
            return hec_answer(splunk_hec.UNHEALTHY, error.retry_after)
        return hec_answer(splunk_hec.HEALTHY)


def _items(request: Request, outlet: Outlet, data: bytes) -> Iterator[Item]:
    if request.scope["path"] not in HEC_RAW:
        return splunk_hec.events_of(data, outlet.max_payload)
    asked = request.query_params
    more = {name: asked[name][:1_000] for name in _TOLD if asked.get(name)}
    origin = Origin(asked.get("host", "")[:255], more.get("source", "")[:255], peer=peer_of(request))
    return splunk_hec.raw_events(data, origin, more, outlet.max_payload)
