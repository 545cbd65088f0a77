"""Texts for others: no address in them is alive, and nothing else is changed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.act.connectors.outgoing_text import defanged, plain
from andon.core.models.actions import Section
from andon.core.redact import redact
from support.growth import grows_like_a_line

OURS = "https://andon.plant.example"
#: What programs that look for links take for one; written for the test, not taken from the code.
ALIVE = re.compile(
    r"[a-z][a-z0-9+.-]*://|(?<![a-z0-9])(?:https?|ftp|mailto|javascript|vbscript|file|tel):\S|(?<![a-z0-9])www\.\w",
    re.IGNORECASE,
)
_WORDS = "http HTTPS ftp mailto javascript JavaScript data file www WWW2 evil.example x@y.example a ms-word"
_SIGNS = r": ： :// // / \\ ． . [ ] ( ) < > _"
PIECES = st.sampled_from([*_WORDS.split(), *_SIGNS.split(), " ", "\n", "\u200b", "\u202e"])
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map("".join))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("see https://x.y/z", "see https[:]//x.y/z"),
        ("HTTP://X.Y", "HTTP[:]//X.Y"),
        ("(www.x.example)", "(www[.]x.example)"),
        ("write mailto:a@b.example", "write mailto[:]a@b.example"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("ftp://x and s3://bucket/key", "ftp[:]//x and s3[:]//bucket/key"),
        ("data:text/html,x", "data[:]text/html,x"),
        ("ht\u200btps://x.y", "https[:]//x.y"),
        ("http:\\\\x.y", "http[:]\\\\x.y"),
        ("_www.x.example_", "_www[.]x.example_"),
        ("log in at a.evil.example/login now", "log in at a.evil[.]example/login now"),
        ("evil.example:8443/a.exe", "evil[.]example:8443/a.exe"),
    ],
)
def test_an_address_is_no_link_any_more(told: str, shown: str) -> None:
    """Each way to write one that programs turn into a link."""
    assert defanged(told) == shown


@pytest.mark.parametrize(
    "told",
    [
        r"C:\Program Files\x.log and D:/data",
        "level: 5, data:17, file: none",
        "SV0401: V-ready off at 12:30:45",
        "tag DB1.DBX0.0 of /var/log/messages on press-07.plant.local:102",
        "profile:x, hotel:5",
        "press-07.plant.example of 10.1.0.0/16, v1.2/3, I/O, and/or",
        "/opt/app.old/agent.db, src/app.d2/x, C:\\app.old/x",
        "the www",
        "",
    ],
)
def test_what_is_no_address_stays(told: str) -> None:
    """Paths, times, tags and codes are what a technician looks for: they stay as they are."""
    assert defanged(told) == told


@given(TEXTS)
def test_nothing_alive_is_left(text: str) -> None:
    """Whatever the text, no address is left, and a second pass changes nothing."""
    once = defanged(text)
    assert not ALIVE.search(once)
    assert defanged(once) == once


@given(TEXTS, TEXTS)
def test_our_own_link_stays(before: str, behind: str) -> None:
    """A link to a problem on our own page survives, and nothing around it does."""
    link = f"{OURS}/problems/12"
    shown = defanged(f"{before} {link} {behind}", OURS)
    assert f" {link} " in shown
    assert not ALIVE.search(shown.replace(f" {link} ", " "))


@pytest.mark.parametrize("tail", [".evil.example/problems/1", "/problems/1@evil.example", "/logout", "/problems/1?x=1"])
def test_what_only_looks_like_our_own_does_not(tail: str) -> None:
    """Only a problem's own page is ours."""
    assert "://" not in defanged(f"see {OURS}{tail} now", OURS)


def test_a_body_is_laid_out_plainly() -> None:
    """Headings, lists and an empty line between sections; a line break in a line makes no line of its own."""
    body = (
        Section("What happened", ("The press stopped.",)),
        Section("", ()),
        Section("Facts", ("one\n\n# two", f"More: {OURS}/problems/3", "see http://x.example"), True),
    )
    assert plain(body, OURS) == (
        f"What happened\nThe press stopped.\n\nFacts\n- one # two\n- More: {OURS}/problems/3\n- see http[:]//x.example"
    )


@given(
    st.lists(st.builds(Section, TEXTS, st.lists(TEXTS, max_size=4).map(tuple), st.booleans()), max_size=4).map(tuple)
)
def test_a_body_has_no_lines_but_its_own(body: tuple[Section, ...]) -> None:
    """No text forges a section or a line, and none of its addresses lives."""
    told = plain(body)
    assert not ALIVE.search(told)
    written = [part for part in told.split("\n") if part]
    assert len(written) <= sum(1 + len(section.lines) for section in body)
    assert "\n\n\n" not in told


@pytest.mark.parametrize("piece", ["http:", "://", "www.", "a:/", "ms-", "data:", "a.", "a.bc:1/", "a-"])
def test_a_long_text_costs_linear_time(piece: str) -> None:
    """Nobody slows us down by a long line."""
    assert grows_like_a_line(lambda size: defanged(piece * size), 2_000)


@pytest.mark.parametrize(
    "told",
    [
        "postgresql://mes:Winterreifen77@db.plant.local/mes",
        "amqps://line4:Sommer2026!@broker:5671",
        "https://u:pa/ss@x.example/y",
    ],
)
def test_a_secret_is_found_before_and_behind(told: str) -> None:
    """In whatever order a text is redacted and its addresses are made dead."""
    assert "[secret 1]" in redact(defanged(told))
    assert "[secret 1]" in defanged(redact(told))
    for secret in ("Winterreifen77", "Sommer2026", "pa/ss"):
        assert secret not in redact(defanged(told)) + defanged(redact(told))
