"""What only the service knows, put into the requests that a person approved: ids that stand there in ``{braces}``."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from andon.core.errors import ActionRefused
from andon.core.models.actions import OutgoingRequest


def filled(request: OutgoingRequest, values: Mapping[str, str]) -> OutgoingRequest:
    """``request`` with ``values`` in the place of what its ``filled`` names, and nothing else changed.

    In the path each place is filled, as no other text has braces there; in a JSON body the first text that is nothing
    but the name in its braces: a connector puts it before any text of others, in which the same words stay as they
    are. A value stays what it is wherever it stands. Raises ActionRefused where one is missing, or has no place.

    >>> asked = OutgoingRequest("POST", "https://t/issue/{id}", '{"to": "{id}", "text": "{id}"}', filled=("id",))
    >>> filled(asked, {"id": "a/b"}).url, filled(asked, {"id": "a/b"}).body
    ('https://t/issue/a%2Fb', '{"to": "a/b", "text": "{id}"}')
    """
    url, body = request.url, request.body
    for name in request.filled:
        if not (value := values.get(name, "")):
            raise ActionRefused(f"{name} is not known, so the request cannot be made: look there, then retry")
        place, written = f"{{{name}}}", _written(f"{{{name}}}")
        if place not in url and written not in body:
            raise ActionRefused(f"{name} has no place in the approved request, so it is not sent: decline it")
        url = url.replace(place, quote(value, safe=""))
        body = body.replace(written, _written(value), 1)
    return msgspec.structs.replace(request, url=url, body=body, filled=())


def _written(text: str) -> str:
    return msgspec.json.encode(text).decode()
