"""Writes payloads of Sparkplug B, the other way round than the reader that is tested with them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

BOOLEAN, STRING, INT32, INT64, DOUBLE, TEMPLATE = 11, 12, 3, 4, 10, 19


def varint(number: int) -> bytes:
    """A number in groups of seven bits."""
    made = bytearray()
    while number >= 0x80:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def number(field: int, value: int) -> bytes:
    """A field that is a number; negative ones as two's complement of 64 bits."""
    return varint(field << 3) + varint(value & (1 << 64) - 1)


def block(field: int, data: bytes) -> bytes:
    """A field that is bytes, a text or a message."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def metric(
    name: str = "",
    value: Any = None,
    *,
    alias: int | None = None,
    datatype: int = 0,
    timestamp: int | None = None,
    properties: dict[str, Any] | None = None,
    historical: bool = False,
    null: bool = False,
    members: Iterable[bytes] = (),
) -> bytes:
    """One metric, with the field of its value that its type demands."""
    made = block(1, name.encode()) if name else b""
    made += b"" if alias is None else number(2, alias)
    made += b"" if timestamp is None else number(3, timestamp)
    made += number(4, datatype) if datatype else b""
    made += number(5, 1) if historical else b""
    made += number(7, 1) if null else b""
    if properties:
        made += block(9, b"".join([*(block(1, k.encode()) for k in properties), *map(_property, properties.values())]))
    if isinstance(value, bool):
        made += number(14, value)
    elif isinstance(value, int):
        made += number(11, value) if datatype == INT64 else number(10, value & 0xFFFF_FFFF)
    elif isinstance(value, float):
        made += varint(13 << 3 | 1) + struct.pack("<d", value)
    elif isinstance(value, str):
        made += block(15, value.encode())
    if members := list(members):
        made += block(18, b"".join(block(2, one) for one in members))
    return made


def _property(value: Any) -> bytes:
    if isinstance(value, str):
        return block(2, number(1, STRING) + block(8, value.encode()))
    return block(2, number(1, INT32) + number(3, value & 0xFFFF_FFFF))


def payload(*metrics: bytes, seq: int | None = None, timestamp: int | None = None) -> bytes:
    """A whole payload."""
    made = b"" if timestamp is None else number(1, timestamp)
    made += b"".join(block(2, one) for one in metrics)
    return made + (b"" if seq is None else number(3, seq))
