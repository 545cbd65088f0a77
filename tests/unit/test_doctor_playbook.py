"""``andon doctor`` on the site's own playbook rules: how many there are, and what is wrong with which."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Commands

GOOD = """
- id: pump-seal-leak
  category: mechanical
  match: {any: [seal leak]}
  summary: The seal of {host} leaks.
  probable_cause: It is worn.
  checks: [Look at it.]
  examples: [pump | seal leak, pump | all well]
- id: pump-seal-dry
"""


def about_rules(andon: Commands) -> list[tuple[bool | None, str]]:
    """What doctor says of them."""
    return [(entry["ok"], entry["detail"]) for entry in andon("doctor", "--json").json if entry["name"] == "playbook"]


def test_broken_rules_and_misleading_examples_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A note each, beside the number of those that are in force: file, line, rule and what to correct."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "pumps.yaml").write_text(GOOD)
    said = about_rules(Commands(tmp_path, capsys, ANDON_PLAYBOOK=str(rules)))
    assert said == [
        (True, f"{rules}: 1 rule"),
        (None, "rules/pumps.yaml, line 9: rule pump-seal-dry: Object missing required field `category`."),
        (None, "rules/pumps.yaml: rule pump-seal-leak: its example “pump | all well” selects no rule"),
    ]


def test_a_directory_that_is_missing_is_said_only_where_it_was_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A site need not have any; one that was named should be there."""
    assert about_rules(Commands(tmp_path, capsys)) == []
    place = tmp_path / "none"
    said = about_rules(Commands(tmp_path, capsys, ANDON_PLAYBOOK=str(place)))
    assert said == [(None, f"there is no directory {place}: only the built-in rules explain")]


def test_cases_are_measured_with_the_rules_of_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`andon eval` of PLAYBOOK answers as the service would."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "pumps.yaml").write_text(GOOD)
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "- id: leak\n  records: [{service: pump, severity: ERROR, message: Seal leak at drive end, hostname: pump-1}]\n"
        "  expect: {category: [mechanical], enough_evidence: true}\n"
    )
    done = Commands(tmp_path, capsys, ANDON_PLAYBOOK=str(rules))("eval", "--cases", str(cases), "--json")
    assert "pump-seal-leak (rules/pumps.yaml)" in done.out, done
