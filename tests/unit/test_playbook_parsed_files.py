"""Parsed rules that are kept: used where they fit, made anew where a file or they themselves are others, never wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from andon.explain.playbook import Playbook, SitePlaybook, bundled_playbook, parsed_files
from andon.explain.playbook.parsed_files import NAME, file_names, kept_in, said_by
from support.playbook_cases import a_log, a_question
from support.playbook_lines import telling, too_little

SMALL = "symptoms.yaml"


@pytest.fixture
def parsing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many files were parsed since it was asked last."""
    count = 0
    parse = parsed_files.load_yaml

    def counted(*args: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        return parse(*args, **named)

    def since() -> int:
        nonlocal count
        found, count = count, 0
        return found

    monkeypatch.setattr(parsed_files, "load_yaml", counted)
    return since


def small(place: Path) -> Any:
    """What one file says, read with what is kept at ``place``."""
    with kept_in(place):
        return said_by(SMALL, list[Any])


def loaded(place: Path) -> Playbook:
    """The bundled rules, read with what is kept at ``place``."""
    with kept_in(place):
        return Playbook.load()


def test_kept_and_parsed_rules_are_the_same_and_answer_alike(tmp_path: Path, parsing: Callable[[], int]) -> None:
    """Rule by rule, and log by log: the answer, what it is based on, and the rules that come near."""
    place = tmp_path / NAME
    first = loaded(place)
    assert 0 < parsing() <= len(file_names())  # words that others in this process had asked for are known
    again = loaded(place)
    assert parsing() == 0
    assert again.rules == first.rules == bundled_playbook().rules
    lines = [(service, message) for _, service, _, message in telling()] + too_little()
    for service, message in lines[::5]:
        question = a_question(a_log(message, service))
        one, other = first.explain(question), again.explain(question)
        assert (one.text, one.source, one.finding) == (other.text, other.source, other.finding)
        assert first.candidates(question) == again.candidates(question)
    assert place.stat().st_mode & 0o077 == 0


def test_a_site_without_rules_loads_the_bundled_ones_with_the_first_question(tmp_path: Path) -> None:
    """A scan of a directory without files needs none; the first answer does."""
    site = SitePlaybook(tmp_path / "none")
    site.scan()
    assert site._loaded is None
    assert site.explain(a_question(a_log("Drive F30004 overtemperature of the heat sink"))).source != "general"
    assert site._loaded is bundled_playbook()


def test_a_file_that_changed_is_parsed_again(
    tmp_path: Path, parsing: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are, and what is kept then is used; the log tells why."""
    place = tmp_path / NAME
    before, read = small(place), parsed_files._file
    monkeypatch.setattr(parsed_files, "_file", lambda name: read(name) + b"# an update\n" * (name == "parts_it.yaml"))
    parsing()
    with capture_logs() as logs:
        assert small(place) == before
    assert parsing() == 1
    assert [one["reason"] for one in logs] == ["they are from another version"]
    with capture_logs() as logs:
        assert small(place) == before
    assert (parsing(), logs) == (0, [])


@settings(max_examples=60, deadline=None)
@given(at=st.floats(0, 1), by=st.integers(1, 255), cut=st.booleans(), content=st.none() | st.binary(max_size=200))
@example(at=0.0, by=1, cut=True, content=None)
@example(at=1.0, by=1, cut=False, content=None)
@example(at=0.0, by=1, cut=False, content=b"andon parsed rules 1 \n\xff")
def test_whatever_became_of_the_file_it_does_no_harm(at: float, by: int, cut: bool, content: bytes | None) -> None:
    """A byte is another one, its end is missing, it is something else: the rules are parsed, and kept anew."""
    with TemporaryDirectory() as name:
        place = Path(name) / NAME
        expected = small(place)
        whole = place.read_bytes()
        position = min(int(at * len(whole)), len(whole) - 1)
        damaged = bytearray(whole)
        damaged[position] ^= by
        place.write_bytes(content if content is not None else whole[:position] if cut else bytes(damaged))
        with capture_logs() as logs:
            assert small(place) == expected
        assert len(logs) == 1
        assert place.read_bytes() == whole


@pytest.mark.parametrize("trouble", ["directory", "missing"])
def test_where_nothing_can_be_kept_rules_are_parsed(tmp_path: Path, trouble: str) -> None:
    """A directory in its place, or none to lie in: told, and no failure."""
    place = tmp_path / "away" / NAME if trouble == "missing" else tmp_path / NAME
    if trouble == "directory":
        place.mkdir()
    with capture_logs() as logs, contextlib.suppress(FileNotFoundError):
        assert small(place) == small(tmp_path / "elsewhere")
    assert any("could not be cached" in one["event"] for one in logs)
