"""Entries of the journal, and the journalctl that is followed: a program in its place where the machine has no journal."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.errors import AndonError, ConfigError
from andon.core.settings.settings import load_settings
from andon.ingest.sources.heard import message_of
from andon.ingest.sources.journal_entries import entry_to_heard
from andon.ingest.sources.journald import Journal, own_unit, sources_of
from support.intake import kept_outlet
from support.patience import LOOK_EVERY, PATIENCE

#: As systemd 252 writes it with --all.
ENTRY: dict[str, Any] = {
    "__CURSOR": "s=60c4;i=166;b=841d;m=afb9;t=6617;x=8014",
    "__REALTIME_TIMESTAMP": "1796032598506731",
    "_SOURCE_REALTIME_TIMESTAMP": "1796032598506700",
    "_HOSTNAME": "press4",
    "PRIORITY": "3",
    "SYSLOG_FACILITY": "3",
    "SYSLOG_IDENTIFIER": "plc",
    "_COMM": "python3",
    "_PID": "411",
    "_SYSTEMD_UNIT": "plc.service",
    "_TRANSPORT": "journal",
    "_CMDLINE": "plc --password secret",
    "ERRNO": "5",
    "MESSAGE": "no answer",
}


def test_an_entry() -> None:
    """Its fields in their places, its own time before the journal's, and no command line."""
    heard = entry_to_heard(ENTRY)
    assert (heard.message, heard.hostname, heard.severity, heard.service) == ("no answer", "press4", "err", "plc")
    assert heard.timestamp == "2026-11-30T09:56:38.506700Z"
    assert heard.message_id == "journal s=60c4;i=166"
    assert heard.context == {
        "unit": "plc.service", "pid": "411", "transport": "journal", "facility": "daemon", "errno": "5",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MESSAGE": [27, 91, 51, 49, 109, 110, 111, 10]}, "\x1b[31mno\n"),
        ({"MESSAGE": [83, 116, 246]}, "Stö"),
        ({"MESSAGE": ["one", "two"]}, "one\ntwo"),
        ({"MESSAGE": ["one", [116, 119, 111]]}, "one\ntwo"),
        ({"MESSAGE": None}, "(a text of 4,096 bytes or more, which journalctl leaves out without --all)"),
        ({"MESSAGE": []}, ""),
        ({"MESSAGE": {"a": 1}}, ""),
    ],
)
def test_forms_of_a_text(changes: dict[str, Any], message: str) -> None:
    """Bytes, several values, one that is left out."""
    assert entry_to_heard({**ENTRY, **changes}, "cp1252").message == message


def test_what_is_missing() -> None:
    """The service by what there is; the journal's time where the program's is absurd."""
    assert entry_to_heard({}).message == ""
    assert entry_to_heard({"_SYSTEMD_UNIT": "a.service"}).service == "a.service"
    assert entry_to_heard({"_COMM": "a", "_SYSTEMD_UNIT": "a.service"}).service == "a"
    assert entry_to_heard({**ENTRY, "_SOURCE_REALTIME_TIMESTAMP": "5"}).timestamp == "2026-11-30T09:56:38.506731Z"
    assert entry_to_heard({**ENTRY, "PRIORITY": "9"}).severity is None


def test_the_level_in_a_containers_json_goes_before_the_priority() -> None:
    """Docker gives every line of standard output the same."""
    heard = entry_to_heard({**ENTRY, "PRIORITY": "6", "MESSAGE": '{"level":"error","msg":"no answer"}'})
    told = json.loads(message_of(heard, 1_000_000)[1])
    assert not {"severity", "priority"} & told.keys()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ENTRY, "OTHER"]), _VALUES))
def test_no_entry_raises(entry: dict[str, Any]) -> None:
    """Whatever its values are."""
    heard = entry_to_heard(entry)
    assert all(isinstance(one, str) for one in (heard.message, heard.hostname, heard.service))
    message_of(heard, 100_000)


def test_own_unit() -> None:
    """Of the system's manager, with sub-groups, and none of a login."""
    assert own_unit("12:pids:/x\n0::/system.slice/andon.service/main") == "andon.service"
    assert own_unit("0::/user.slice/user-0.slice/user@0.service/init.scope") is None


_PROGRAM = """#!/bin/sh
echo "$*" >> {place}/calls
case "$*" in
  *--follow*) cat {place}/entries; {then} ;;
  *) tail -n 1 {place}/before ;;
esac
"""


class StandIn:
    """A program called journalctl, which says what the test lets it say."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        for name in ("before", "entries"):
            (place / name).touch()
        monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
        self.then("exec sleep 1000")

    def then(self, command: str) -> None:
        """What it does after the entries."""
        program = self.place / "journalctl"
        program.write_text(_PROGRAM.format(place=self.place, then=command))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def entries(self, *entries: dict[str, Any], name: str = "entries") -> None:
        """What the journal holds."""
        (self.place / name).write_text("".join(json.dumps(one) + "\n" for one in entries))

    @property
    def calls(self) -> list[str]:
        """How it was called."""
        path = self.place / "calls"
        return path.read_text().splitlines() if path.exists() else []


def entry(number: int, **changes: Any) -> dict[str, Any]:
    """One of several."""
    return {**ENTRY, "__CURSOR": f"s=60c4;i={number};b=1", "MESSAGE": f"entry {number}", **changes}


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in, first on the path."""
    place = tmp_path / "bin"
    place.mkdir()
    return StandIn(place, monkeypatch)


async def followed(source: Journal, feed_has: int, *, held: bool = False) -> Any:
    """Run the source until the feed has so many, then end it; the feed."""
    outlet, feed = kept_outlet()
    if held:
        feed.hold()
    task = asyncio.create_task(source.run(outlet))
    for _ in range(int(PATIENCE / LOOK_EVERY)):
        if task.done() or len(feed._held or feed.kept) >= feed_has:
            break
        await asyncio.sleep(LOOK_EVERY)
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return feed, outlet


async def test_it_goes_on_behind_what_the_stream_has(journalctl: StandIn, tmp_path: Path) -> None:
    """From the end of the journal at first; where nothing was acknowledged, the same again with the same ids."""
    settings = load_settings(data_dir=tmp_path, journald="on", journald_units="a, b", journald_priority="err")
    [source] = sources_of(settings)
    assert isinstance(source, Journal)
    journalctl.entries(entry(1), name="before")
    journalctl.entries(entry(2), entry(3, SYSLOG_IDENTIFIER="andon"), entry(4, MESSAGE=""), entry(5))
    feed, _ = await followed(source, 2, held=True)
    assert not feed.kept
    cursor = tmp_path / "sources" / "journald.cursor"
    assert cursor.read_text() == "s=60c4;i=1;b=1"
    feed, outlet = await followed(source, 2)
    assert [(one["message"], kept.message_id) for one, kept in zip(feed.logs, feed.kept, strict=True)] == [
        ("entry 2", "journal s=60c4;i=2"),
        ("entry 5", "journal s=60c4;i=5"),
    ]
    assert outlet.counts.refused == {"empty": 1}
    assert cursor.read_text() == "s=60c4;i=5;b=1"
    await followed(source, 2)
    followings = [call for call in journalctl.calls if "--follow" in call]
    assert all("--unit=a --unit=b" in call and "--priority=err" in call for call in followings)
    assert [call.rpartition("--after-cursor=")[2] for call in followings] == [
        "s=60c4;i=1;b=1", "s=60c4;i=1;b=1", "s=60c4;i=5;b=1",
    ]  # fmt: skip


async def test_a_journalctl_that_ends_is_told(journalctl: StandIn, tmp_path: Path) -> None:
    """With its own last word; rights that are missing with what to do."""
    [source] = sources_of(load_settings(data_dir=tmp_path, journald="on"))
    journalctl.then("echo it broke >&2; exit 3")
    with pytest.raises(AndonError, match=r"journalctl ended with status 3 \(it broke\)"):
        await source.run(kept_outlet()[0])
    journalctl.then("echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1")
    with pytest.raises(ConfigError, match="group systemd-journal"):
        await source.run(kept_outlet()[0])


async def test_what_is_no_entry_is_counted(journalctl: StandIn, tmp_path: Path) -> None:
    """And what follows is read."""
    (journalctl.place / "entries").write_text("garbage\n[1]\n" + json.dumps(entry(7)) + "\n")
    [source] = sources_of(load_settings(data_dir=tmp_path, journald="on"))
    assert isinstance(source, Journal)
    feed, outlet = await followed(source, 1)
    assert feed.logs[0]["message"] == "entry 7"
    assert outlet.counts.refused == {"not readable": 2}


async def test_no_journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence."""
    monkeypatch.setenv("PATH", str(tmp_path))
    [source] = sources_of(load_settings(data_dir=tmp_path, journald="on"))
    with pytest.raises(ConfigError, match="which this machine does not have"):
        await source.run(kept_outlet()[0])
