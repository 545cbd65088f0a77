"""What a receiver of OTLP answers, in the encoding of the request: two messages, small enough to be written here."""

from __future__ import annotations

import msgspec

PROTOBUF, JSON = "application/x-protobuf", "application/json"
#: The codes of gRPC that go with statuses of HTTP.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}


def taken(media_type: str, rejected: int = 0, message: str = "") -> bytes:
    """An ExportLogsServiceResponse; empty where all was taken."""
    if media_type == JSON:
        partial = {"rejectedLogRecords": str(rejected), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": partial} if rejected or message else {})
    if not rejected and not message:
        return b""
    return _bytes(1, _number(1, rejected) + _bytes(2, message.encode()))


def status(media_type: str, http_status: int, message: str) -> bytes:
    """A google.rpc.Status."""
    code = _CODES.get(http_status, 2)
    if media_type == JSON:
        return msgspec.json.encode({"code": code, "message": message})
    return _number(1, code) + _bytes(2, message.encode())


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value if value else b""


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
