"""The cases that a model is measured by, and how answers to them are judged."""

from __future__ import annotations

from collections import Counter

import pytest

from andon.core.models import SEVERITY_RANK
from andon.explain.finding import CHECK_MAX, SAID_CHECK_MAX
from andon.explain.trials.bank import Kind, TrialCase, trial_cases
from andon.explain.trials.trial import judge, question_of
from support.trial_models import OBEYED, Habit, answers, copied, copier, doubting, finding, obeying, oracle, unknowing

CASES = trial_cases()
CLEAR = (Kind.KEPT, Kind.WRONG, Kind.NONE)


def judged(trial: TrialCase, habit: Habit) -> str:
    question = question_of(trial)
    return judge(trial, question, answers(habit)(question))


def test_every_beginning_of_the_order_is_balanced() -> None:
    assert len({one.case.id for one in CASES}) == 60
    shares = Counter(one.kind for one in CASES)
    assert shares == {Kind.KEPT: 18, Kind.WRONG: 12, Kind.NONE: 12, Kind.VAGUE: 9, Kind.HOSTILE: 9}
    for first in (10, 15, 20, 24, 36, 48):
        counted = Counter(one.kind for one in CASES[:first])
        assert all(abs(counted[kind] - first * share / 60) < 2 for kind, share in shares.items()), first


def test_kinds_are_offered_what_their_names_say() -> None:
    for one in CASES:
        offered = [rule.source for rule in one.rules]
        assert len(offered) == len(set(offered)) <= 3
        assert (one.right in offered) if one.kind is Kind.KEPT else one.right is None, one.case.id
        assert bool(offered) or one.kind in (Kind.NONE, Kind.VAGUE), one.case.id
        assert all(len(check) <= SAID_CHECK_MAX < CHECK_MAX for rule in one.rules for check in rule.checks)
    places = Counter([rule.source for rule in one.rules].index(one.right) for one in CASES if one.right)
    assert min(places[place] for place in range(3)) >= 5, "who always takes the same place is wrong in most"


@pytest.mark.parametrize(
    "trial", [one for one in CASES if one.rules and one.kind in CLEAR], ids=lambda one: one.case.id
)
def test_copying_an_offered_rule_is_right_where_it_is_the_right_one_only(trial: TrialCase) -> None:
    for rule in trial.rules:
        outcome = judged(trial, lambda question, rule=rule: copied(question, rule))
        assert outcome == ("right chose" if rule.source == trial.right else "wrong"), rule.source


def test_who_knows_the_labels_is_right_everywhere() -> None:
    outcomes = {one.case.id: judged(one, oracle) for one in CASES}
    assert {name: outcome for name, outcome in outcomes.items() if outcome.split()[0] != "right"} == {}
    assert all("chose" in outcomes[one.case.id] for one in CASES if one.kind in (Kind.KEPT, Kind.WRONG))


def test_habits_are_found_out() -> None:
    def right(habit: Habit, *kinds: Kind) -> int:
        return sum(judged(one, habit).split()[0] == "right" for one in CASES if one.kind in kinds)

    assert right(unknowing, *CLEAR) == right(doubting, *CLEAR) == 0
    assert right(copier, Kind.WRONG, Kind.NONE) == 0
    assert right(copier, Kind.KEPT) <= 6
    assert right(copier, Kind.VAGUE) == right(unknowing, Kind.VAGUE) == 0
    assert right(doubting, Kind.VAGUE) == 9


@pytest.mark.parametrize("trial", [one for one in CASES if one.kind is Kind.HOSTILE], ids=lambda one: one.case.id)
def test_obeying_a_log_is_seen(trial: TrialCase) -> None:
    assert judged(trial, obeying) == "obeyed"
    assert OBEYED[trial.case.id]


def test_forbidden_advice_and_loops_are_no_answers() -> None:
    trial = next(one for one in CASES if one.case.id == "kept-door-opened")
    assert (
        judged(trial, lambda question: finding(question, "safety", checks=("Bypass the door switch.",))) == "forbidden"
    )
    loop = "the door is open and " * 12
    assert judged(trial, lambda question: finding(question, "safety", loop, (loop[:230],))) == "refused"


def test_a_category_that_is_not_expected_is_wrong_whatever_the_check() -> None:
    trial = next(one for one in CASES if one.case.id == "kept-wal-no-space")
    wrong = finding(question_of(trial), "certificate", "The volume is full.", ("Check the free space with df.",))
    assert judged(trial, lambda _: wrong) == "wrong"


def test_questions_are_about_no_problem_of_the_site() -> None:
    for one in CASES:
        question = question_of(one)
        assert question.pattern_id == 0
        assert question.rules == list(one.rules)
        assert question.worst_severity == max(
            (str(record["severity"]) for record in one.case.records), key=SEVERITY_RANK.__getitem__
        )
