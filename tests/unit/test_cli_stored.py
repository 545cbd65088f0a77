"""``andon logs``, ``show``, ``rejects``, ``doctor``, ``version``, ``send``: what they print and how they fail."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from andon.app.cli.send import is_file_of_logs
from andon.core.models import Rung
from andon.store import queue
from support.commands import Commands
from support.store_data import NOW, a_log, a_reject, an_answer, opened, query


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """A database with six logs of two problems, one of them explained, and two rejects."""
    batch = [
        a_log(
            number,
            f"p{number % 2}",
            severity="CRITICAL" if number == 5 else "WARNING",
            hostname=f"press-{number % 3}",
            context='{"zone": 4}' if number == 1 else None,
            message=f"[bold]fault[/] {number}",
        )
        for number in range(1, 7)
    ]

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record(batch, [a_reject(101), a_reject(102)])
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            await store.write(queue.finish, job, an_answer("Tighten the [red] cable", Rung.PLAYBOOK), NOW)

    asyncio.run(work())
    return Commands(tmp_path, capsys)


def test_logs_lists_newest_first_as_a_table_and_as_json(andon: Commands) -> None:
    """Both forms show every log, the newest first, with its message to the letter."""
    listed = andon("logs", "--json")
    assert (listed.status, listed.err) == (0, "")
    assert [row["id"] for row in listed.json] == [6, 5, 4, 3, 2, 1]
    table = andon("logs")
    assert table.status == 0
    assert "[bold]fault[/] 6" in table.out
    assert "playbook" in table.out
    assert "waiting" in table.out


def test_logs_filters(andon: Commands) -> None:
    """Severity, host, text and limit all narrow the listing."""
    assert [row["id"] for row in andon("logs", "--json", "--severity", "error").json] == [5]
    assert [row["id"] for row in andon("logs", "--json", "--host", "press-0").json] == [6, 3]
    assert [row["id"] for row in andon("logs", "--json", "--text", "FAULT[/] 4").json] == [4]
    assert [row["id"] for row in andon("logs", "--json", "-n", "2").json] == [6, 5]
    assert andon("logs", "--since", "1m").out.startswith("No logs match. The newest log of all is from 2025-")
    assert andon("logs", "--since", "1m", "--json").json == []


def test_logs_shows_times_in_the_zone_of_the_site(andon: Commands) -> None:
    """A table's times carry the zone's name."""
    andon.settings["ANDON_TIME_ZONE"] = "Europe/Berlin"
    assert "2025-01-15 03:14:06.123 CET" in andon("logs").out


def test_show_prints_one_log_with_context_and_analysis(andon: Commands) -> None:
    """``show`` gives the whole record; its JSON holds the context as an object."""
    shown = andon("show", "1")
    assert shown.status == 0
    assert "press-1" in shown.out
    assert andon("show", "1", "--json").json["context"] == {"zone": 4}
    assert "Tighten the [red] cable" in andon("show", "5").out


def test_rejects_lists_shows_and_gives_the_raw_bytes(andon: Commands) -> None:
    """``rejects`` lists the newest first, ``show`` has the reason, and its JSON the bytes as base64."""
    assert [row["id"] for row in andon("rejects", "--json").json] == [2, 1]
    assert [row["id"] for row in andon("rejects", "list", "-n", "1", "--json").json] == [2]
    assert "not JSON" in andon("rejects", "show", "2").out
    assert andon("rejects", "show", "2", "--json").json["data"] == "/3s="


def test_rejects_are_deleted_by_id_by_age_and_all(andon: Commands, tmp_path: Path) -> None:
    """The audit book says who did; what is not there is said before anything is deleted."""
    assert andon("rejects", "delete").status == 2
    missing = andon("rejects", "delete", "1", "9")
    assert (missing.status, "no reject 9" in missing.err) == (1, True)
    assert "Nothing" in andon("rejects", "delete", "--older-than", "90y").out
    wrong = andon("rejects", "delete", "--older-than", "3 months")
    assert (wrong.status, "write days, such as 30d" in wrong.err) == (2, True)
    assert "1 reject deleted" in andon("rejects", "--delete", "1").out
    assert [row["id"] for row in andon("rejects", "--json").json] == [2]
    assert "1 reject deleted" in andon("rejects", "--delete-all").out
    assert andon("rejects", "list", "--all", "--json").json == []
    told = query(tmp_path / "agent.db", "SELECT actor, detail FROM audit WHERE action = 'rejects.delete' ORDER BY id")
    assert [json.loads(detail)["ids"] for _, detail in told] == [[1], [2]]
    assert all(actor for actor, _ in told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "99"), "no log 99"),
        (("rejects", "show", "99"), "no reject 99"),
        (("rejects", "retry", "99"), "no reject 99"),
        (("rejects", "--retry", "1"), "127.0.0.1:9"),
        (("send", "Pump P3 stopped"), "127.0.0.1:9"),
    ],
)
def test_a_failure_is_one_sentence_and_status_1(andon: Commands, arguments: tuple[str, ...], said: str) -> None:
    """What cannot be done is said in one line on standard error, without a traceback, with status 1."""
    failed = andon(*arguments)
    assert failed.status == 1
    assert failed.out == ""
    assert failed.err.startswith("andon: ")
    assert said in failed.err
    assert len(failed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("logs", "--severity", "LOUD"), "is not a severity"),
        (("logs", "--since", "yesterday-ish"), "is not a time"),
        (("logs", "-n", "0"), "Invalid value for '--limit'"),
        (("show", "one"), "Invalid value for"),
        (("send", "x", "--file", "y"), "give either a MESSAGE or --file"),
        (("send", "x", "--place", "a..b"), "is not a place"),
        (("send", "x", "--context", "[1]"), "must be a JSON object"),
        (("send", "x", "--context", "{"), "not JSON"),
        (("nonsense",), "No such command"),
    ],
)
def test_a_wrong_argument_is_refused_with_status_2(andon: Commands, arguments: tuple[str, ...], said: str) -> None:
    """A wrong argument is named on standard error, with status 2, and nothing is done."""
    refused = andon(*arguments)
    assert refused.status == 2
    assert said in " ".join(refused.err.replace("│", " ").split())
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("command", ["logs", "show 1", "rejects", "rejects show 1"])
def test_without_a_database_each_listing_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Before the first ``andon run`` a listing names the missing database and what to do."""
    failed = Commands(tmp_path / "nothing", capsys)(*command.split())
    assert failed.status == 1
    assert failed.err == f"andon: no database at {tmp_path}/nothing/agent.db: start `andon run` or set DB_PATH\n"


def test_a_wrong_setting_is_one_sentence(andon: Commands) -> None:
    """A setting out of range ends a command with the setting's name, without a traceback."""
    andon.settings["ANDON_RECORD_BATCH"] = "many"
    failed = andon("logs")
    assert failed.status == 1
    assert failed.err.startswith("andon: ANDON_RECORD_BATCH=many: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty; nothing was sent"),
        ('{"message": "fine"}\nnot json\n', "line 2 is not a JSON object"),
        ('[{"message": "fine"}, 7]', "entry 2 is not a JSON object"),
    ],
)
def test_send_refuses_a_broken_file_before_sending(andon: Commands, content: str, said: str) -> None:
    """A file with one line that is no log is refused as a whole, with the place of the mistake."""
    path = andon.data / "logs.jsonl"
    path.write_text(content)
    failed = andon("send", "--file", str(path))
    assert failed.status == 1
    assert said in failed.err


def test_doctor_names_what_fails_and_ends_with_status_1(andon: Commands) -> None:
    """With nothing running ``doctor`` has a check for each part, says which fail, and ends with status 1."""
    found = andon("doctor", "--json")
    assert found.status == 1
    assert [check["name"] for check in found.json if check["ok"] is False]
    assert {"settings", "disk", "database", "service", "broker", "model"} <= {check["name"] for check in found.json}
    assert "fails" in andon("doctor").out


def test_version_prints_both_versions(andon: Commands) -> None:
    """``version`` names Andon and the broker, and has a JSON form."""
    assert set(andon("version", "--json").json) == {"andon", "nats_server"}
    assert andon("version").out.startswith("andon ")


@pytest.mark.parametrize(
    "command",
    [
        *("", "logs", "show", "send", "rejects", "doctor", "version", "run", "demo", "resolve", "queue", "reanalyze"),
        *("patterns", "patterns show", "patterns merge", "patterns split"),
    ],
)
def test_help_is_there_for_each_command(andon: Commands, command: str) -> None:
    """``--help`` prints usage with status 0."""
    helped = andon(*command.split(), "--help")
    assert helped.status == 0
    assert "Usage: " in helped.out


def test_json_is_one_document(andon: Commands) -> None:
    """Standard output of a ``--json`` listing is one JSON document and nothing else."""
    for command in ("logs", "rejects", "version", "doctor"):
        json.loads(andon(command, "--json").out)


def test_the_name_of_a_file_that_is_there_means_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`andon send shift.jsonl` sends the logs of the file; a sentence that ends in a name is a message."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shift.jsonl").write_text("{}\n")
    assert is_file_of_logs("shift.jsonl")
    assert not is_file_of_logs("cannot read shift.jsonl")


@pytest.mark.parametrize("command", ["logs", "export"])
def test_a_time_that_ends_before_it_begins_is_refused(andon: Commands, command: str) -> None:
    """Nothing can match it: a mistake, not an empty listing."""
    done = andon(command, "--since", "2025-01-16", "--until", "2025-01-15")
    assert (done.status, done.out) == (2, "")
    assert "start must be earlier than the end" in done.err


@pytest.mark.parametrize("command", ["logs", "export"])
def test_a_text_longer_than_is_searched_for_is_refused(andon: Commands, command: str) -> None:
    """Its end would not be looked at, and other logs than asked for would be listed."""
    done = andon(command, "--text", "fault" + " " * 1000 + "missing")
    assert (done.status, done.out) == (2, "")
    assert "1,000 characters at most" in done.err


def test_the_help_of_export_names_the_extra(andon: Commands) -> None:
    """Brackets are not taken for markup."""
    told = andon("export", "--help").out
    assert "`parquet`" in told
    assert "[FILE]" in told
