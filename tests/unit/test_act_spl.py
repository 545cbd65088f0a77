"""Searches for Splunk that can only read: what passes, what does not, and what no spelling gets through."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from andon.act.connectors.splunk.spl import ALLOWED, checked_time, read_only
from andon.core.errors import ActionRefused

#: What changes something, asks elsewhere, or brings in a search that is not seen here.
WRITES = """
    delete collect mcollect meventcollect tscollect outputlookup outputcsv outputtext sendemail sendalert script run
    runshellscript dump map rest savedsearch loadjob lookup inputlookup dbxquery fit return format extract kv datamodel
    from crawl dispatch input overlap set audit history typeahead
""".split()  # noqa: SIM905 - a paragraph reads better than a column


@pytest.mark.parametrize(
    ("search", "made"),
    [
        ("error", "search error"),
        ("search error", "search error"),
        ("SEARCH error", "SEARCH error"),
        ("searchable error", "search searchable error"),
        ("search=x", "search search=x"),
        ("  index=main | stats count by host  ", "search index=main | stats count by host"),
        ("| tstats count by host", "| tstats count by host"),
        ("|tstats count", "|tstats count"),
        ('"a | delete"', 'search "a | delete"'),
        ('a | rex "(?<x>[a-z]+)"', 'search a | rex "(?<x>[a-z]+)"'),
        ("a | eval b='field one'", "search a | eval b='field one'"),
        ("a | append [search b | head 1]", "search a | append [search b | head 1]"),
        ("a | append [| makeresults]", "search a | append [| makeresults]"),
        ("a | where latest==3", "search a | where latest==3"),
        ("a | stats latest(_time) as last", "search a | stats latest(_time) as last"),
        ("C:\\temp", "search C:\\temp"),
    ],
)
def test_what_reads_passes(search: str, made: str) -> None:
    assert read_only(search) == made


@pytest.mark.parametrize(
    ("search", "made"),
    [
        ("error", 'search (index="a" OR index="b") (error)'),
        ("search", 'search (index="a" OR index="b")'),
        ("x OR y | head 1", 'search (index="a" OR index="b") (x OR y) | head 1'),
        ("(x OR y) z", 'search (index="a" OR index="b") ((x OR y) z)'),
        ('"x)" | search y', 'search (index="a" OR index="b") ("x)") | search y'),
        (
            "x | join host [search y | table host]",
            'search (index="a" OR index="b") (x) | join host [search (index="a" OR index="b") (y) | table host]',
        ),
        ("| makeresults", "| makeresults"),
    ],
)
def test_every_search_is_kept_to_the_indexes(search: str, made: str) -> None:
    assert read_only(search, ("a", "b")) == made


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(
    "shape", ["x | {}", "| {} y", "x |{}", "x | append [search y | {}]", "x | append [{} y]", "x\n|\t{} z"]
)
def test_what_does_more_than_read_is_refused(name: str, shape: str) -> None:
    for spelled in (name, name.upper()):
        with pytest.raises(ActionRefused, match="only read"):
            read_only(shape.format(spelled))


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("", "is empty"),
        ("x" * 10_001, "10,000 are allowed"),
        ("x | `cleanup`", "macros and comments"),
        ('x "`cleanup`"', "macros and comments"),
        ("x ```delete```", "macros and comments"),
        ('x | eval y=\'b"c\' | delete | eval z="d"', "read in two ways"),
        ("don't | delete", "read in two ways"),
        ('x "a\\" | delete | eval "', "backslash before a quotation mark"),
        ('x \\" | delete', "backslash before a quotation mark"),
        ('x "a', "does not close"),
        ("x | ", "no command"),
        ("x || head", "no command"),
        ("|", "no command"),
        ("x | 7", "no command"),
        ("x | sta-ts", "no command"),
        ("x | a:b", "no command"),
        ("x | append [search y", "opens a ["),
        ("x ] y", "closes a ] that"),
        ("x ) OR (index=secret", "closes a ) that"),
        ("(x", "opens a ("),
        ("x [search y]", "insert logged text into the search"),
        ("x | where y=[search z]", "insert logged text into the search"),
        ("x | append [y]", "begins with the word search"),
        ("index=a earliest=-5y", "says earliest= itself"),
        ("index=a _index_latest = now", "says _index_latest= itself"),
        ("EARLIEST=0 a", "says EARLIEST= itself"),
        ('earliest="-5y" a', "says earliest= itself"),
        ("savedsearch=nightly", "do not use a saved search"),
        ("savedsearch::nightly", "do not use a saved search"),
    ],
)
def test_what_cannot_be_told_to_read_is_refused(search: str, words: str) -> None:
    with pytest.raises(ActionRefused, match=re.escape(words)):
        read_only(search)


@pytest.mark.parametrize("name", ["tstats", "mstats", "metadata", "eventcount"])
def test_what_looks_beyond_the_indexes_is_refused(name: str) -> None:
    for search in (f"| {name} count", f"x | append [| {name} count]", f"x | {name} append=t count"):
        assert read_only(search)
        with pytest.raises(ActionRefused, match="looks beyond a"):
            read_only(search, ("a",))


def _commands(search: str, *, single: bool) -> list[str]:
    """The names of all commands, read by somebody for whom ' quotes or does not."""
    bare = re.sub(r'"[^"]*"', '""', search)
    if single:
        bare = re.sub(r"'[^']*'", "''", bare)
    return [found.lower() for found in re.findall(r"(?:^\s*|[|\[]\s*)\|?\s*([^\s|\[\]\"'()=,]+)", bare)]


_PIECES = st.sampled_from(
    [
        *"|[]()\"'`\\ \n=",
        "| ",
        "search ",
        "delete",
        "| delete",
        "head 1",
        "eval x=",
        "append ",
        "join h ",
        "x",
        "index=secret",
        " OR ",
        "é",
        "\x00",
    ]
)


@given(st.lists(_PIECES, max_size=14).map("".join))
@example('x | eval y=\'b"c\' | delete | eval z="d"')
@example('x" | delete | "')
def test_no_spelling_gets_a_writing_command_through(search: str) -> None:
    for indexes in ((), ("a",)):
        try:
            made = read_only(search, indexes)
        except ActionRefused:
            continue
        for single in (True, False):
            assert set(_commands(made, single=single)) <= ALLOWED, made
        assert made.count('index="a"') == (len(re.findall(r"(?:^|\[)\s*search\b", _unquoted(made))) if indexes else 0)


def _unquoted(search: str) -> str:
    return re.sub(r'"(?!a")[^"]*"', '""', search)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(search: str) -> None:
    try:
        made = read_only(search, ("a",))
    except ActionRefused:
        return
    assert made.startswith(("search", "|")) or made.lower().startswith("search")


@pytest.mark.parametrize(
    "told",
    [
        "now",
        "-4h",
        "-7d@d",
        "@d",
        "-15m@m",
        "0",
        "1733000000",
        "2025-01-15T02:00:00",
        "2025-01-15T02:00:00.5+01:00",
        "-1mon@mon",
    ],
)
def test_times_as_splunk_writes_them(told: str) -> None:
    assert checked_time(f" {told} ", "earliest") == told


@pytest.mark.parametrize("told", ["", "yesterday", "-4h&exec_mode=normal", "now\nx", "-4h | delete", "rt-5m", "٣"])
def test_what_is_no_time(told: str) -> None:
    with pytest.raises(ActionRefused, match="not a Splunk time"):
        checked_time(told, "earliest")
