"""`andon eval` as a user runs it: with the playbook, before a stand-in for Ollama, and with nothing that answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.commands import Commands
from support.eval_cases import ONE_FILE, write_cases
from support.ollama import Answer, Ollama

RIGHT = {
    "summary": "The DC link of the drive has too high a voltage.",
    "category": "drive",
    "probable_cause": "The deceleration ramp is too short for the braking resistor.",
    "checks": ["Lengthen the ramp.", "Measure the braking resistor."],
}


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """The command line in a directory of its own."""
    return Commands(tmp_path / "data", capsys)


def several(directory: Path, number: int) -> Path:
    """A file with so many cases alike."""
    head, _, body = ONE_FILE.partition("  - id: drives-one\n")
    return write_cases(directory, text=head + "".join(f"  - id: drives-{n}\n{body}" for n in range(number)))


def test_the_playbook_is_measured_offline(andon: Commands) -> None:
    """Without a model, every bundled case is answered, and the data directory is not touched."""
    done = andon("eval")
    assert done.status == 0
    assert "right category" in done.out
    assert "conveying-packaging" in done.out
    assert not andon.data.exists()


def test_json_holds_every_score_with_its_reason(andon: Commands, tmp_path: Path) -> None:
    """What a program needs to go on: finding, scores, why, rates with intervals."""
    done = andon("eval", "--json", "--cases", str(write_cases(tmp_path)))
    assert done.status == 0
    report = done.json
    assert report["passed"] is True
    assert report["total"]["rates"]["category"]["n"] == 1
    scores = {score["criterion"]: score for score in report["cases"][0]["scores"]}
    assert {"category", "cause", "first_check", "forbidden"} <= set(scores)
    assert all(score["why"] for score in scores.values())


def test_a_missed_threshold_fails_after_the_report(andon: Commands, tmp_path: Path) -> None:
    """Exit status 1, the report is printed all the same, and the sentence says what was missed."""
    cases = write_cases(tmp_path, text=ONE_FILE.replace("[drive, electrical]", "[time]"))
    done = andon("eval", "--cases", str(cases), "--min-category", "0.7", "--verbose")
    assert done.status == 1
    assert "right category" in done.out
    assert "missed" in done.out
    assert "category 0.000 < 0.7" in done.err
    assert andon("eval", "--cases", str(cases)).status == 0


def test_a_choice_of_nothing_fails(andon: Commands) -> None:
    """A gate must not pass because nothing ran."""
    done = andon("eval", "--tag", "no-such-tag")
    assert done.status == 1
    assert "no case matches" in done.err


def test_cases_are_listed_without_asking(andon: Commands) -> None:
    """As a table and as JSON."""
    assert "vague" in andon("eval", "--list", "--tag", "vague").out
    listed = andon("eval", "--list", "--json", "--limit", "5").json
    assert len(listed) == 5
    assert {"id", "family", "records", "expect"} <= set(listed[0])


def test_a_wrong_file_is_one_sentence(andon: Commands, tmp_path: Path) -> None:
    """No traceback, status 1."""
    done = andon("eval", "--cases", str(write_cases(tmp_path, text="family: x\n")))
    assert done.status == 1
    assert done.err.strip() == "andon: one.yaml: cases is missing."


def test_a_model_is_asked_in_parallel_and_its_tokens_are_priced(andon: Commands, tmp_path: Path) -> None:
    """Every case once over the wire, by the provider's rules; tokens and money add up."""
    with Ollama(default=Answer(finding=RIGHT, latency=0.05)) as ollama:
        andon.settings |= {"PROVIDER": "OLLAMA", "OLLAMA_HOST": ollama.url}
        done = andon(
            *("eval", "--json", "--cases", str(several(tmp_path, 8)), "--concurrency", "4"),
            *("--price-in", "2", "--price-out", "8", "--min-useful", "1"),
        )
        assert done.status == 0
        assert (ollama.calls, ollama.violations) == (8, [])
        assert 1 < ollama.peak <= 4
    total = done.json["total"]
    assert total["input_tokens"] > 0
    assert total["cost"] == pytest.approx((total["input_tokens"] * 2 + total["output_tokens"] * 8) / 1e6)
    assert total["latency_p50"] >= 0.05
    assert done.json["model"] == "deepseek-r1:1.5b"


def test_wrong_answers_and_infrastructure_errors_stand_apart(andon: Commands, tmp_path: Path) -> None:
    """A 500 is in no rate; an empty answer counts as wrong."""
    with Ollama(default=Answer(finding=RIGHT)) as ollama:
        ollama.script(Answer(status=500, error="broken"), Answer(text=""), Answer(text=""))
        andon.settings |= {"PROVIDER": "OLLAMA", "OLLAMA_HOST": ollama.url}
        done = andon("eval", "--json", "--cases", str(several(tmp_path, 4)))
    total = done.json["total"]
    assert (total["answered"], total["unusable"], total["infrastructure"]) == (2, 1, 1)
    assert total["rates"]["category"] | {"low": 0, "high": 0} == {
        "passed": 2,
        "n": 3,
        "rate": pytest.approx(2 / 3),
        "low": 0,
        "high": 0,
    }
    assert done.status == 0


def test_a_provider_that_is_away_fails_the_command_soon(andon: Commands, tmp_path: Path) -> None:
    """Status 1, nothing was measured, and the reason is the provider's."""
    andon.settings |= {"PROVIDER": "OLLAMA", "OLLAMA_HOST": "http://127.0.0.1:9"}
    done = andon("eval", "--cases", str(several(tmp_path, 30)))
    assert done.status == 1
    assert "8 infrastructure errors, 22 cases not asked" in done.out
    assert "none of 30 cases could be asked: Ollama does not answer" in done.err


def test_a_former_run_shows_what_got_better(andon: Commands, tmp_path: Path) -> None:
    """The second run names the case that is right now."""
    cases = several(tmp_path, 2)
    baseline = tmp_path / "before.json"
    with Ollama(default=Answer(finding={**RIGHT, "category": "time"})) as ollama:
        andon.settings |= {"PROVIDER": "OLLAMA", "OLLAMA_HOST": ollama.url}
        baseline.write_text(andon("eval", "--json", "--cases", str(cases)).out)
        ollama.default = Answer(finding=RIGHT)
        done = andon("eval", "--json", "--cases", str(cases), "--baseline", str(baseline))
    changes = {change["criterion"]: change for change in done.json["comparison"]["changes"]}
    assert changes["category"]["better"] == ["drives-0", "drives-1"]
    assert changes["cause"]["better"] == changes["cause"]["worse"] == []


def test_the_judge_rates_prose_and_no_score(andon: Commands, tmp_path: Path) -> None:
    """Its marks stand beside the scores; one that it does not give is missing, not wrong."""
    with Ollama(
        default=Answer(text=json.dumps({"clear": 4, "actionable": 2, "remark": "Says what, not where."}))
    ) as ollama:
        ollama.script(Answer(finding=RIGHT), Answer(finding=RIGHT))
        andon.settings |= {"PROVIDER": "OLLAMA", "OLLAMA_HOST": ollama.url}
        done = andon("eval", "--json", "--judge", "--cases", str(several(tmp_path, 2)))
        assert ollama.calls == 4
        assert ollama.violations == []
    judged = [case["judgement"] for case in done.json["cases"]]
    assert judged == [{"clear": 4, "actionable": 2, "remark": "Says what, not where."}] * 2
    assert "judgement" not in done.json["total"]["rates"]


def test_a_judge_that_gives_no_marks_is_told(andon: Commands, tmp_path: Path) -> None:
    """Not left out in silence."""
    with Ollama(default=Answer(finding=RIGHT)) as ollama:
        andon.settings |= {"PROVIDER": "OLLAMA", "OLLAMA_HOST": ollama.url}
        done = andon("eval", "--judge", "--cases", str(several(tmp_path, 2)))
    assert done.status == 0
    assert "gave no marks that can be read for 2 answers" in done.out


def test_a_judge_without_a_model_is_refused(andon: Commands) -> None:
    """The playbook has no opinion."""
    done = andon("eval", "--judge")
    assert done.status == 1
    assert "--judge needs a model" in done.err
