"""Rates, intervals, cost, thresholds, and two runs side by side."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.app.evals.compare import BaselineError, compare, read_report
from andon.app.evals.results import PRECISION, RECALL, USEFUL, CaseResult, Prices, Report, build_report, summarise
from andon.app.evals.running import Status
from andon.explain.trials.scoring import Score
from andon.explain.trials.stats import percentile, sign_test, wilson


def result(
    identity: str,
    *,
    category: bool | None = True,
    first_check: bool | None = True,
    enough: bool = True,
    said: bool = True,
    status: Status = Status.ANSWERED,
    family: str = "plc",
    latency: float = 1.0,
) -> CaseResult:
    """One case's outcome."""
    verdicts = {"category": category, "first_check": first_check, "enough_evidence": enough == said}
    scores = [Score(name, passed, "") for name, passed in verdicts.items() if passed is not None]
    answered = status is Status.ANSWERED
    return CaseResult(
        id=identity,
        family=family,
        tags=(),
        status=status,
        enough_evidence=enough,
        said_enough=said if answered else None,
        scores=scores if answered else [],
        latency=latency if answered else None,
        input_tokens=1_000,
        output_tokens=200,
        error=None if answered else "away",
    )


def report(*cases: CaseResult, least: dict[str, float] | None = None) -> Report:
    """A report of them."""
    return build_report(
        list(cases), provider="P", model="m", started_at="2025-01-15T02:00:00.000Z", seconds=1, least=least
    )


def test_infrastructure_errors_are_in_no_denominator() -> None:
    """They are counted apart."""
    total = report(result("a"), result("b", status=Status.INFRASTRUCTURE), result("c", status=Status.SKIPPED)).total
    assert (total.answered, total.infrastructure, total.skipped) == (1, 1, 1)
    assert total.rates["category"].n == 1


def test_useful_means_category_and_first_check_of_the_same_answer() -> None:
    """One of both is not enough, and cases that ask for one alone do not count."""
    rate = summarise([result("a"), result("b", category=False), result("c", first_check=None)]).rates[USEFUL]
    assert (rate.passed, rate.n) == (1, 2)


def test_recall_and_precision_of_not_enough_evidence() -> None:
    """Recall is over the vague logs, precision over the answers that say so."""
    rates = summarise(
        [
            result("a", enough=False, said=False),
            result("b", enough=False, said=True),
            result("c", enough=True, said=False),
            result("d", enough=True, said=False),
            result("e", enough=True, said=True),
        ]
    ).rates
    assert (rates[RECALL].passed, rates[RECALL].n) == (1, 2)
    assert (rates[PRECISION].passed, rates[PRECISION].n) == (1, 3)


def test_cost_is_tokens_times_price() -> None:
    """Prices are for a million tokens; without prices there is no cost."""
    cases = [result("a"), result("b")]
    cost = summarise(cases, Prices(3.0, 15.0)).cost
    assert cost is not None
    assert math.isclose(cost, (2_000 * 3 + 400 * 15) / 1e6)
    assert summarise(cases).cost is None


def test_a_missed_threshold_is_told_and_fails() -> None:
    """With the rate that was reached."""
    made = report(result("a"), result("b", category=False), least={"category": 0.7})
    assert made.problem == "below the least that was asked for: category 0.500 < 0.7"
    assert report(result("a"), least={"category": 0.7}).problem is None


def test_a_threshold_on_what_was_never_asked_fails() -> None:
    """A gate that nothing passes through is closed."""
    assert report(result("a"), least={RECALL: 0.5}).problem is not None


def test_a_run_without_an_answer_fails() -> None:
    """Nothing ran, or all was infrastructure: both say why."""
    assert "nothing was measured" in str(report().problem)
    assert "none of 1 cases could be asked: away" in str(report(result("a", status=Status.INFRASTRUCTURE)).problem)


def test_a_run_that_ended_half_way_fails() -> None:
    """The cases that were answered say nothing of the others."""
    away = result("b", status=Status.INFRASTRUCTURE)
    made = report(result("a"), away, result("c", status=Status.SKIPPED), least={"category": 0.5})
    assert made.problem == "only 2 of 3 cases were asked: away"
    assert report(result("a"), away, least={"category": 0.5}).problem is None


def test_families_are_summed_up_apart() -> None:
    """Each with its own rates."""
    made = report(result("a"), result("b", family="drives", category=False))
    assert {name: summary.rates["category"].rate for name, summary in made.families.items()} == {
        "plc": 1.0,
        "drives": 0.0,
    }


def test_a_report_survives_json(tmp_path: Path) -> None:
    """What is written is what is read."""
    made = report(result("a"), least={"category": 0.5})
    path = tmp_path / "run.json"
    path.write_bytes(msgspec.json.encode(made))
    assert read_report(path) == made


@pytest.mark.parametrize(("content", "sentence"), [(b"{}", "is not a report"), (b"\xff", "is not a report")])
def test_a_baseline_that_is_none_is_told(tmp_path: Path, content: bytes, sentence: str) -> None:
    """In one sentence."""
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(BaselineError, match=sentence):
        read_report(path)
    with pytest.raises(BaselineError, match="cannot be read"):
        read_report(tmp_path / "none.json")


def test_two_runs_side_by_side() -> None:
    """Better and worse by name, over the cases that both counted."""
    before = report(result("a", category=False), result("b"), result("c"), result("gone"))
    now = report(result("a"), result("b", category=False), result("c"), result("new"))
    made = compare(before, now)
    change = next(row for row in made.changes if row.criterion == "category")
    assert (change.n, change.before, change.now, change.better, change.worse) == (3, 2, 2, ["a"], ["b"])
    assert (made.missing, made.added) == (["gone"], ["new"])


def test_wilson_by_a_published_example() -> None:
    """Newcombe 1998 (Statistics in Medicine 17, table I): 81 of 263 and 0 of 20."""
    assert [round(bound, 4) for bound in wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(bound, 4) for bound in wilson(0, 20)] == [0.0, 0.1611]


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_rate(pair: tuple[int, int]) -> None:
    """And lies between 0 and 1."""
    passed, n = pair
    low, high = wilson(passed, n)
    assert 0 <= low <= passed / n <= high <= 1


def test_the_interval_of_nothing_is_everything() -> None:
    """No case says nothing."""
    assert wilson(0, 0) == (0.0, 1.0)


def test_percentiles_are_values_that_occurred() -> None:
    """Nearest rank."""
    values = [float(number) for number in range(1, 21)]
    assert percentile(values, 0.5) == 10
    assert percentile(values, 0.95) == 19
    assert percentile([], 0.5) is None


def test_the_sign_test_of_nothing_and_of_much() -> None:
    """No change is certainly chance; many changes one way are not."""
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 5) == 1.0
    assert math.isclose(sign_test(9, 1), 22 / 1024)
    assert sign_test(2_000, 0) < 1e-100
