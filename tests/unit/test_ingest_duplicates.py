"""Names that an object has twice: nothing is lost, and the logger's own level and text count."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import SUBJECT, Delivery, LogRecord
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder

NOON = int(datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()) * 10**9
decode = Decoder(Fingerprinter())


def read(text: str) -> LogRecord:
    """The log of a message."""
    return decode(Delivery(text.encode(), SUBJECT, "S", 1, NOON, "")).first()


# As pino 10.4, slog (Go 1.26), zap 1.28 and zerolog 1.35 wrote them for an error "pump stopped" with such fields.
LINES = [
    '{"level":50,"time":1795949166338,"pid":304,"hostname":"gw-07","level":"high","msg":"inner","time":"12:00",'
    '"msg":"pump stopped"}',
    '{"time":"2026-11-29T10:46:06.39314767Z","level":"ERROR","msg":"pump stopped","msg":"inner","level":"high"}',
    '{"level":"error","ts":1795949166.393269,"caller":"filler/main.go:16","msg":"pump stopped","msg":"inner",'
    '"level":"high","stacktrace":"main.main\\n\\t/srv/filler/main.go:16"}',
    '{"level":"error","level":"high","message":"inner","time":"2026-11-29T10:46:06Z","message":"pump stopped"}',
]


@pytest.mark.parametrize("line", LINES, ids=["pino", "slog", "zap", "zerolog"])
def test_the_loggers_own_count_and_the_fields_are_kept(line: str) -> None:
    """Severity, time and text are the logger's; what the fields of the same names held is in the context, and noted."""
    for form in (line, line.replace('":', '": ').replace(',"', ', "'), json.dumps({"log": line, "stream": "stderr"})):
        record = read(form)
        assert (record.severity, record.message) == ("ERROR", "pump stopped")
        assert record.timestamp.startswith("2026-11-29T10:46:06")
        context = json.loads(record.context or "{}")
        assert context["level (2)"] == "high"
        assert "inner" in (context.get("msg (2)"), context.get("message (2)"))
        assert "'level' came twice, the other is 'level (2)'" in (record.notes or "")


def test_the_same_value_twice_is_said_once() -> None:
    """Nothing is lost where both say the same."""
    record = read('{"msg":"pump stopped","machine":"M3","machine":"M3"}')
    assert record.context == '{"machine":"M3"}'
    assert record.notes is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["msg", "level", "a", "b é", 'c"']),
            st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.integers(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_every_value_is_kept(pairs: list[tuple[str, str | int]], spaced: bool) -> None:
    """Whatever is listed twice, in whatever spelling of JSON."""
    comma, colon = (", ", ": ") if spaced else (",", ":")
    text = "{" + comma.join(json.dumps(name) + colon + json.dumps(value) for name, value in pairs) + "}"
    record = read(text)
    others = [value for name, value in pairs if name not in ("msg", "level")]
    context = json.loads(record.context) if record.context else {}
    assert {json.dumps(value) for value in others} <= {json.dumps(value) for value in context.values()}
