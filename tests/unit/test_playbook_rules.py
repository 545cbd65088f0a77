"""The bundled rules are complete and distinct, and broken rule files are refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from andon.explain.finding import CAUSE_MAX, CHECK_MAX, SUMMARY_MAX
from andon.explain.playbook import SitePlaybook, bundled_playbook
from andon.explain.playbook.code_tables import PREFIX as CODE
from andon.explain.playbook.rules import PIECE_MAX, fill
from support.playbook_cases import split_example
from support.written_rules import written_rules

PLAYBOOK = bundled_playbook()
RULE = """
- id: pump-seal-leak
  category: mechanical
  match: {any: [seal leak]}
  summary: The seal of {host} leaks.
  probable_cause: It is worn.
  checks: [Look at it., Lock out., Replace it.]
"""


def test_an_example_selects_exactly_its_rule() -> None:
    """Each one, of each rule; the first code of a row of a table at least a rule that knows it as well."""
    for rule in written_rules():
        for example in rule.examples:
            match = PLAYBOOK.match(split_example(example))
            assert match is not None, example
            known = rule.id.startswith(CODE) and not match.rule.id.startswith(CODE)
            assert match.rule.id == rule.id or known, example


def test_there_are_at_least_ninety_rules_with_unique_ids() -> None:
    ids = [rule.id for rule in PLAYBOOK.rules]
    assert len(ids) >= 90
    assert len(set(ids)) == len(ids)


def test_every_rule_has_two_examples_and_three_to_six_distinct_checks() -> None:
    for rule in written_rules():
        assert len(rule.examples) >= (1 if rule.id.startswith(CODE) else 2), rule.id
        assert 3 <= len(rule.checks) <= 6, rule.id
        assert len(set(rule.checks)) == len(rule.checks), rule.id


def test_texts_stay_within_the_bounds_of_a_finding_with_the_longest_values() -> None:
    class Longest(dict[str, str]):
        def get(self, key: str, default: object = None) -> str:  # type: ignore[override]
            return "x" * PIECE_MAX

    for rule in PLAYBOOK.rules:
        assert len(fill(rule.summary, Longest())) <= SUMMARY_MAX, rule.id
        assert len(fill(rule.probable_cause, Longest())) <= CAUSE_MAX, rule.id
        assert all(len(fill(check, Longest())) <= CHECK_MAX for check in rule.checks), rule.id


def test_no_check_advises_to_bypass_a_safety_device() -> None:
    """Words of bypassing occur only where the text forbids it or looks for it."""
    bypass = re.compile(r"\b(bypass|bridge|mute|override|jumper|defeat|tie)\b", re.IGNORECASE)
    allowed = re.compile(r"\b(never|not|find the|take the|report|forced)\b", re.IGNORECASE)
    for rule in PLAYBOOK.rules:
        for check in rule.checks:
            assert not bypass.search(check) or allowed.search(check), (rule.id, check)


def test_no_rule_begins_with_a_restart() -> None:
    for rule in PLAYBOOK.rules:
        assert not rule.checks[0].lower().startswith(("restart", "reboot", "reset")), rule.id


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (("category: mechanical", "category: mechanics"), ["pump-seal-leak", "category"]),
        (("id: pump-seal-leak", "id: Pump Seal"), ["Pump Seal", "field id"]),
        (("seal leak", "$pumps"), ["pump-seal-leak", "match.any", "$pumps"]),
        (("seal leak", "ab*"), ["pump-seal-leak", "match.any", "ab*"]),
        (("match: {any: [seal leak]}", "match: {}"), ["pump-seal-leak", "field match"]),
        (("The seal of {host}", "The seal of {hots}"), ["pump-seal-leak", "summary", "hots"]),
        (("It is worn.", "x" * 700), ["pump-seal-leak", "probable_cause"]),
        (("checks: [Look at it., Lock out., Replace it.]", "checks: []"), ["pump-seal-leak", "checks"]),
        (("category: mechanical", "categories: mechanical"), ["pump-seal-leak", "categories"]),
        (("category: mechanical", "category: mechanical\n  capture: ['(']"), ["pump-seal-leak", "capture"]),
        (("category: mechanical", "category: mechanical\n  severity_floor: BAD"), ["pump-seal-leak", "floor"]),
        (("category: mechanical", "category: [unclosed"), ["not readable as YAML"]),
        ((RULE, "rules: []"), ["a list of rules"]),
    ],
)
def test_a_broken_rule_is_refused_by_file_rule_and_field(
    tmp_path: Path, change: tuple[str, str], names: list[str]
) -> None:
    (tmp_path / "own.yaml").write_text(RULE.replace(*change))
    found = SitePlaybook(tmp_path, PLAYBOOK)
    found.scan()
    (problem,) = found.problems
    assert all(name in problem for name in ["own.yaml", *names]), problem
    assert len(found) == 0


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULE)
    (tmp_path / "b.yaml").write_text(RULE)
    found = SitePlaybook(tmp_path, PLAYBOOK)
    found.scan()
    (problem,) = found.problems
    assert re.search(r"b\.yaml, line 2: rule pump-seal-leak, field id: .*a\.yaml", problem)
    assert len(found) == 1


def test_a_file_that_is_gone_is_one_clear_problem(tmp_path: Path) -> None:
    (tmp_path / "absent.yaml").symlink_to(tmp_path / "nowhere.yaml")
    found = SitePlaybook(tmp_path, PLAYBOOK)
    found.scan()
    assert found.problems == [
        f"{tmp_path.name}/absent.yaml cannot be used (No such file or directory): correct the file."
    ]
