"""Reading the protocol in large steps: the same messages in the same order as nats-py's parser reads."""

from __future__ import annotations

from typing import Any

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.protocol.parser import Parser

from andon.bus import wire
from andon.bus.connection import BusConnection
from andon.bus.wire import WireParser, plain_headers


class Heard(BusConnection):
    """A connection that notes what its parser makes of the bytes."""

    def __init__(self) -> None:
        super().__init__("nowhere")
        self.heard: list[tuple[Any, ...]] = []

    async def _process_msg(self, *told: Any) -> None:
        self.heard.append(told)

    async def _process_ping(self) -> None:
        self.heard.append(("ping",))

    async def _process_pong(self) -> None:
        self.heard.append(("pong",))

    async def _process_err(self, text: str) -> None:
        self.heard.append(("error", text))


def parser_of(connection: BusConnection) -> WireParser:
    """The parser that a connection makes for itself."""
    parser = connection._ps
    assert isinstance(parser, WireParser)
    return parser


def message(subject: str, reply: str, headers: bytes | None, data: bytes) -> bytes:
    """As the broker writes it."""
    to = f"{subject} 7 {reply} " if reply else f"{subject} 7 "
    if headers is None:
        return f"MSG {to}{len(data)}\r\n".encode() + data + b"\r\n"
    return f"HMSG {to}{len(headers)} {len(headers) + len(data)}\r\n".encode() + headers + data + b"\r\n"


_WORDS = st.sampled_from(["a", "agent.technical.support", "$JS.ACK.LOGS.andon.1.2.3.4.5", "12", "_INBOX.x.1"])
_HEADERS = st.sampled_from(
    [
        None,
        b"NATS/1.0\r\nNats-Msg-Id: a.1\r\n\r\n",
        b"NATS/1.0 404 No Messages\r\n\r\n",
        b"NATS/1.0\r\nA: 1\r\nB:2\r\n\r\n",
    ]
)
_DATA = st.binary(max_size=40) | st.sampled_from([b"", b"MSG a 7 1\r\nx\r\n", b"\r\nPING\r\n", b"y" * 100_000])
_PIECES = st.builds(message, _WORDS, st.just("") | _WORDS, _HEADERS, _DATA) | st.sampled_from(
    [b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'Permissions Violation'\r\n", b"MSG  a\t7  2\r\nhi\r\n"]
)


@given(st.lists(_PIECES, max_size=12), st.lists(st.integers(1, 70_000), max_size=12))
async def test_any_cuts_of_the_bytes_are_read_as_nats_py_reads_them(pieces: list[bytes], cuts: list[int]) -> None:
    told = b"".join(pieces)
    ours, theirs = Heard(), Heard()
    parsers = parser_of(ours), Parser(theirs)
    for parser in parsers:
        rest = told
        for cut in cuts:
            await parser.parse(rest[:cut])
            rest = rest[cut:]
        await parser.parse(rest)
    assert ours.heard == theirs.heard
    assert bytes(parsers[0].buf) == bytes(parsers[1].buf) == b""


async def test_one_byte_at_a_time() -> None:
    heard = Heard()
    parser = parser_of(heard)
    told = (
        message("a", "b", b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n", b"x\r\n") + b"PING\r\n" + message("a", "", None, b"")
    )
    for place in range(len(told)):
        await parser.parse(told[place : place + 1])
    assert heard.heard == [
        (7, b"a", b"b", b"x\r\n", b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n"),
        ("ping",),
        (7, b"a", b"", b"", None),
    ]


async def test_a_large_message_is_not_joined_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_JOINED", 100)
    heard = Heard()
    parser = parser_of(heard)
    told = message("a", "", None, b"z" * 5_000)
    for start in range(0, len(told), 150):
        await parser.parse(told[start : start + 150])
    assert heard.heard == [(7, b"a", b"", b"z" * 5_000, None)]


async def test_what_is_no_protocol_is_an_error() -> None:
    with pytest.raises(nats.errors.ProtocolError):
        await parser_of(Heard()).parse(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_a_sink_gets_the_bytes_and_its_errors_are_counted() -> None:
    connection = BusConnection("nowhere")
    got: list[tuple[Any, ...]] = []

    def sink(*told: Any) -> None:
        got.append(told)
        raise ValueError("of the sink")

    connection._sinks[7] = sink
    await parser_of(connection).parse(message("a", "b", None, b"x") * 2)
    assert got == [(b"a", b"b", b"x", None, 1), (b"a", b"b", b"x", None, 2)]
    assert connection.error_count == 2


def test_usual_headers_need_no_help() -> None:
    assert plain_headers(b"NATS/1.0\r\nA: 1\r\nB:2\r\n\r\n") == {"A": "1", "B": "2"}
    assert plain_headers(b"NATS/1.0\r\nNats-Msg-Id: a.1\r\n\r\n") == {"Nats-Msg-Id": "a.1"}


@pytest.mark.parametrize(
    "raw",
    [
        b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n",
        b"NATS/1.0\r\nA:b\r\n\r\n",
        b"NATS/1.0\r\nA:  b c: d \r\n\r\n",
        b"NATS/1.0\r\nA:\r\n\r\n",
        b"NATS/1.0\r\nA: \xc3\xa4\r\n\r\n",
        b"NATS/1.0\r\nA B: c\r\n\r\n",
        b"NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n",
        b"NATS/1.0\r\nA: 1\r\nB:2: 3 \r\nA:4\r\n\r\n",
        b"NATS/1.0\r\nNats-Msg-Id: 1\r\nNats-Stream-Source: A 1 > > a\r\n\r\n",
        b"NATS/1.0\r\nNats-Msg-Id: 1 2\r\n\r\n",
        b"NATS/1.0\r\nA: 1\r\n\r\nB: 2\r\n\r\n",
        b"NATS/1.0 404 No Messages\r\n\r\n",
        b"NATS/1.0\r\n\r\n",
        b"NATS/1.0\r\nno colon\r\n\r\n",
    ],
)
async def test_headers_are_what_nats_py_makes_of_it(raw: bytes) -> None:
    told = plain_headers(raw)
    assert told is None or told == await BusConnection("nowhere").parsed_headers(raw)
