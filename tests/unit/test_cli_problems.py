"""``andon problems``, ``resolve``, ``queue``, ``reanalyze``: what they print, change and refuse."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.app.cli.patterns import with_age
from andon.app.cli.queue import span
from andon.core.models import Merge, Rung, utc_text
from andon.store import queue
from andon.store.problems import second_opinions
from support.commands import Commands
from support.store_data import a_log, an_answer, opened

NOW = utc_text(datetime.now(UTC))


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Four problems: 1 (six logs, three hosts, explained by the model), 2 (waiting), 3 (given up), 4 (new today).

    Problem 5 is merged into 1.
    """
    names = {
        "p1": "Coolant pump <*> lost pressure",
        "p2": "Coolant pump <*> lost [bold]power[/]",
        "p3": "Badge reader offline",
        "p4": "Torque limit exceeded",
        "p5": "Coolant pump <*> lost prime",
    }
    batch = [a_log(n, "p1", template=names["p1"], hostname=f"press-{n % 3}") for n in range(1, 6)]
    batch += [a_log(10, "p2", template=names["p2"], severity="CRITICAL")]
    batch += [a_log(11, "p3", template=names["p3"], severity="WARNING")]
    batch += [a_log(12, "p4", template=names["p4"], severity="INFO", timestamp=NOW)]
    later = [a_log(13, "p5", template=names["p5"], hostname="press-0")]

    async def work() -> None:
        async with opened(tmp_path / "agent.db", clock=time.time) as store:  # type: ignore[arg-type]
            await store.record(batch, [])
            jobs = {}
            while job := await store.write(queue.claim, "me", 600, time.time()):
                jobs[job.fingerprint] = job
            await store.write(queue.finish, jobs["p1"], an_answer("Check the [red] suction line"), time.time())
            await store.write(
                queue.fail, jobs["p3"], "the model answered with nothing", an_answer("Ask IT"), time.time()
            )
            await store.write(queue.postpone, jobs["p2"], "no room at the model", time.time(), None)
            await store.write(queue.postpone, jobs["p4"], "no room at the model", time.time() + 1800, None)
            await store.record(later, [], [Merge("p5", "p1", 4, ("pressure", "prime", "oil", "flow", "seal"))])

    asyncio.run(work())
    return Commands(tmp_path, capsys)


def ids(outcome: object) -> list[int]:
    """The ids of a listing in JSON."""
    return [row["id"] for row in outcome.json]  # type: ignore[attr-defined]


def test_former_names_of_commands_and_options_work(andon: Commands) -> None:
    """With the same JSON; and an id in place of a command shows the problem."""
    every = andon("problems", "--json").out
    for former in (("patterns", "--json"), ("patterns", "--top", "50", "--json"), ("problems", "list", "--json")):
        assert andon(*former).out == every
    shown = andon("problems", "show", "1", "--json").out
    for former in (("patterns", "show", "1"), ("patterns", "1"), ("problems", "1")):
        assert andon(*former, "--json").out == shown
    assert andon("logs", "--pattern", "1", "--json").out == andon("logs", "--problem", "1", "--json").out
    assert andon("patterns", "999").status == 1
    assert andon("queue", "failed", "--json").out == andon("queue", "--failed", "--json").out


def test_patterns_lists_problems_with_what_is_merged_into_them(andon: Commands) -> None:
    """A merged pattern is no line of its own: its logs and hosts count where it belongs."""
    rows = {row["id"]: row for row in andon("problems", "--json").json}
    assert set(rows) == {1, 2, 3, 4}
    assert (rows[1]["count"], rows[1]["hosts"], rows[1]["rung"], rows[1]["merged"]) == (6, 3, "model", [5])
    table = andon("problems")
    assert table.status == 0
    assert "Coolant pump <*> lost [bold]power[/]" in table.out
    assert "waiting" in table.out


@pytest.mark.parametrize(("sort", "first"), [("count", 1), ("severity", 2), ("last", 4), ("first", 4), ("rate", 4)])
def test_patterns_sorts(andon: Commands, sort: str, first: int) -> None:
    """Each order has its greatest first, and ``--limit`` limits the listing."""
    assert ids(andon("problems", "--sort", sort, "--json"))[0] == first
    assert len(ids(andon("problems", "--sort", sort, "--limit", "2", "--json"))) == 2


def test_patterns_new_shows_only_problems_first_seen_lately(andon: Commands) -> None:
    """``--new`` alone means 24 hours; with a time it means since then, wherever it stands."""
    assert ids(andon("problems", "--new", "--json")) == [4]
    assert ids(andon("problems", "--json", "--new")) == [4]
    assert set(ids(andon("problems", "--new", "2025-01-01", "--json"))) == {1, 2, 3, 4}
    assert andon("problems", "--new", "2125-01-01").out == "No problems match.\n"


def test_an_age_is_put_behind_new_only_where_there_is_none() -> None:
    """What follows ``--new`` is its value where it begins with a digit."""
    assert with_age(["--new"]) == ["--new=24h"]
    assert with_age(["--new", "8h"]) == ["--new", "8h"]
    assert with_age(["--new=2d", "--sort", "count"]) == ["--new=2d", "--sort", "count"]
    assert with_age(["--new", "--sort", "count"]) == ["--new=24h", "--sort", "count"]


def test_patterns_show_tells_all_about_a_problem(andon: Commands) -> None:
    """``show`` has template, hosts, evidence of merges, explanation, history and similar problems, in both forms."""
    found = andon("problems", "show", "1", "--json").json
    assert found["pattern"]["merged"] == [5]
    assert {host["hostname"] for host in found["hosts"]} == {"press-0", "press-1", "press-2"}
    assert found["explanation"]["text"] == "Check the [red] suction line"
    assert [row["rung"] for row in found["history"]] == ["model"]
    assert found["history"][0]["model"] == "m"
    assert [(merge["child_id"], len(merge["words"])) for merge in found["merges"]] == [(5, 5)]
    assert 2 in [other["id"] for other in found["similar"]]
    shown = andon("problems", "show", "1").out
    assert "Check the [red] suction line" in shown
    assert "press-0 (2)" in shown or "press-0 (3)" in shown
    assert "varies: pressure, prime, oil, flow, seal" in shown
    assert "Coolant pump <*> lost [bold]power[/]" in shown
    facts = [line for line in shown.splitlines() if line.startswith(("problem ", "key ", "occurrences "))]
    assert len(facts) == 3
    assert {len(one) - len(one.split(maxsplit=1)[1]) for one in facts} == {13}, "values begin in one column"


def test_a_second_opinion_is_shown_below_and_judged(andon: Commands, tmp_path: Path) -> None:
    """In `problems show`, `show` and `queue`; a verdict on either is listed, and the last word can be taken back."""

    async def work() -> None:
        async with opened(tmp_path / "agent.db", clock=time.time) as store:  # type: ignore[arg-type]
            await store.write(second_opinions.ask, 1)

    asyncio.run(work())
    assert "second opinion" in andon("queue").out

    async def answer() -> None:
        async with opened(tmp_path / "agent.db", clock=time.time) as store:  # type: ignore[arg-type]
            while job := await store.write(queue.claim, "me", 600, time.time()):
                if job.second_of is not None:
                    await store.write(queue.finish_second, job, an_answer("Second opinion: replace the seal"), 1.0)
                    return

    asyncio.run(answer())
    found = andon("problems", "show", "1", "--json").json
    assert found["explanation"]["text"] == "Check the [red] suction line"
    assert found["second_opinion"]["text"] == "Second opinion: replace the seal"
    assert "Second opinion: replace the seal" in andon("problems", "show", "1").out
    assert "Second opinion: replace the seal" in andon("show", "1").out
    assert andon("show", "1", "--json").json["second_opinion"]["model"] == "m"
    said = andon("verdict", "1", "wrong", "--note", "it was the valve", "--by", "ann")
    assert said.out == "ann calls the explanation of problem 1 (by OLLAMA m) wrong.\n"
    assert andon("verdict", "1", "helpful", "--second", "--by", "ann", "--json").json["second"] is True
    shown = andon("problems", "show", "1").out
    assert "by ann: the explanation of OLLAMA m was wrong: it was the valve" in shown
    assert "by ann: the second opinion of OLLAMA m was helpful" in shown
    assert andon("verdict", "1", "--revoke", "--by", "ann").status == 0
    assert "it was the valve" not in andon("problems", "show", "1").out
    assert "ann gave no verdict on problem 1" in andon("verdict", "1", "--revoke", "--by", "ann").err
    assert andon("verdict", "1").status == 2
    assert andon("verdict", "1", "maybe").status == 2
    assert "has no explanation yet" in andon("verdict", "2", "wrong").err


def test_patterns_show_of_one_that_waits(andon: Commands) -> None:
    """A problem without an answer says so and why there is none yet."""
    shown = andon("problems", "show", "2").out
    assert "Not explained yet." in shown
    assert "no room at the model" in shown


def test_resolve_makes_the_fix_the_explanation(andon: Commands) -> None:
    """The fix is what the problem's logs show, merged ones too; it is listed with cause, author and time."""
    done = andon("resolve", "1", "--fix", " Bled the line ", "--cause", "Air", "--by", "M. Brandt", "--json")
    assert (done.json["fix"], done.json["cause"], done.json["author"]) == ("Bled the line", "Air", "M. Brandt")
    logs = [row for row in andon("logs", "--json").json if row["pattern_id"] in (1, 5)]
    assert len(logs) == 6
    assert {row["rung"] for row in logs} == {"resolution"}
    assert all("Bled the line" in row["analysis"] for row in logs)
    shown = andon("problems", "show", "1").out
    assert "by M. Brandt: Bled the line Cause: Air" in shown
    assert "explanation: confirmed fix" in shown
    for words in (shown, andon("problems").out, andon("logs").out):
        assert not {"resolution", "fingerprint"} & set(words.split()), words
    assert andon("resolve", "2", "--fix", "Reset the breaker").status == 0
    assert 2 not in [row["pattern_id"] for row in andon("queue", "--json").json]


def test_merge_and_split(andon: Commands) -> None:
    """``merge`` makes two problems one, ``split`` takes them apart again; both say what is now."""
    assert andon("problems", "merge", "2", "1", "--json").json == {"pattern_id": 2, "problem_id": 1}
    assert set(ids(andon("problems", "--json"))) == {1, 3, 4}
    assert "by a person" in andon("problems", "show", "1").out
    assert "part of" in andon("problems", "show", "2").out
    done = andon("problems", "split", "2")
    assert (done.status, done.out.startswith("Problem 2 is separate again")) == (0, True)
    assert set(ids(andon("problems", "--json"))) == {1, 2, 3, 4}


def test_queue_lists_what_waits_and_why(andon: Commands) -> None:
    """The next one comes first; each row has reason, tries, due time and last error."""
    rows = andon("queue", "--json").json
    assert [row["pattern_id"] for row in rows] == [2, 4]
    assert [row["reason"] for row in rows] == ["new", "new"]
    assert rows[0]["due_in"] == 0
    assert 1700 < rows[1]["due_in"] <= 1800
    assert {row["last_error"] for row in rows} == {"no room at the model"}
    table = andon("queue").out
    assert "its turn" in table
    assert "in 30 min" in table
    assert "new problem" in table


def test_queue_blames_no_model_for_what_it_was_never_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that is away is the reason of all, said once above them; a pipe has it in each row."""
    away = "Ollama does not answer at http://127.0.0.1:9"

    async def work() -> None:
        async with opened(tmp_path / "agent.db", clock=time.time) as store:  # type: ignore[arg-type]
            await store.record([a_log(1, "p1", template="Pump dry"), a_log(2, "p2", template="Door open")], [])
            jobs = []
            while job := await store.write(queue.claim, "me", 600, time.time()):
                jobs.append(job)
            for job in jobs:
                due = time.time() - 1
                await store.write(queue.postpone, job, away, due, an_answer("Look", Rung.PLAYBOOK), counted=False)

    asyncio.run(work())
    andon = Commands(tmp_path, capsys)
    piped = andon("queue").out.splitlines()
    assert [line.endswith(away) for line in piped] == [False, True, True]
    for width in (40, 60, 80, 200):
        shown = " ".join(andon.on_terminal(width, "queue").out.split())
        assert shown.startswith(f"Reason of all 2: {away}")
        assert shown.count("Ollama") == 1
        assert shown.count("the model") == 2
        assert shown.endswith("No model was asked about them yet. The playbook's explanations stand in.")


def test_queue_failed_has_the_reason(andon: Commands) -> None:
    """``--failed`` lists what was given up with the reason and whose answer stands."""
    [row] = andon("queue", "--failed", "--json").json
    assert (row["pattern_id"], row["status"], row["last_error"]) == (3, "failed", "the model answered with nothing")
    assert "the model answered with nothing" in andon("queue", "--failed").out


def test_reanalyze_puts_the_problem_into_the_queue(andon: Commands) -> None:
    """An explained problem asked for again waits with that reason, and its present explanation stays."""
    asked = andon("reanalyze", "1", "--json").json
    row = next(row for row in andon("queue", "--json").json if row["pattern_id"] == 1)
    assert (row["id"], row["reason"]) == (asked["analysis_id"], "asked")
    assert andon("problems", "show", "1", "--json").json["explanation"]["text"] == "Check the [red] suction line"


@pytest.mark.parametrize(
    "arguments",
    ["patterns show 99", "patterns merge 99 1", "patterns merge 1 99", "patterns split 99", "reanalyze 99"],
)
def test_an_unknown_pattern_is_one_sentence(andon: Commands, arguments: str) -> None:
    """A pattern that is not there is named in one line, with status 1."""
    failed = andon(*arguments.split())
    assert (failed.status, failed.out) == (1, "")
    assert "99" in failed.err
    assert len(failed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("problems", "merge", "1", "1"), 1),
        (("problems", "split", "2"), 1),
        (("problems", "show", str(2**63)), 2),
        (("problems", "merge", "1", str(2**63)), 2),
        (("reanalyze", str(2**64)), 2),
        (("resolve", "99", "--fix", "x"), 1),
        (("resolve", "1"), 2),
        (("resolve", "1", "--fix", "  "), 2),
        (("resolve", "1", "--fix", "x" * 20_001), 1),
        (("problems", "--sort", "colour"), 2),
        (("problems", "--new", "2 moons"), 2),
        (("problems", "--limit", "0"), 2),
        (("queue", "-n", "0"), 2),
    ],
)
def test_what_makes_no_sense_is_refused(andon: Commands, arguments: tuple[str, ...], status: int) -> None:
    """Nothing is changed, the status says whose mistake it was, and there is no traceback."""
    before = andon("problems", "--json").json
    refused = andon(*arguments)
    assert refused.status == status
    assert refused.err
    assert "Traceback" not in refused.err
    assert andon("problems", "--json").json == before


def test_an_empty_database_lists_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any log each listing says so, and is an empty array in JSON."""

    async def work() -> None:
        async with opened(tmp_path / "agent.db"):
            pass

    asyncio.run(work())
    empty = Commands(tmp_path, capsys)
    said = {
        "problems": "No problems match.",
        "queue": "Nothing waits.",
        "queue --failed": "No explanation failed.",
    }
    for command, text in said.items():
        assert empty(*command.split()).out == f"{text}\n"
        assert json.loads(empty(*command.split(), "--json").out) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (90, "2 min"), (7200, "2 h"), (86_400 * 3, "3 d")]
)
def test_a_duration_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    """Seconds, minutes, hours and days."""
    assert span(seconds) == text


@pytest.mark.parametrize("width", ["60", "80", "130", "200"])
def test_a_narrow_terminal_keeps_ids_whole(andon: Commands, width: str) -> None:
    """Whatever the width, each line of a listing begins with its id; texts are shortened instead."""
    andon.settings["COLUMNS"] = width
    for command in ("problems", "queue"):
        lines = andon(*command.split()).out.splitlines()[1:]
        shown = {int(line.split()[0]) for line in lines if line[:8].split()}
        assert shown == ({1, 2, 3, 4} if command == "problems" else {2, 4})
