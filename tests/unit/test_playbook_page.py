"""docs/playbook.md promises what the playbook does: every rule, line and sentence on it is tried."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from andon.core.settings.settings import load_settings
from andon.explain.playbook import SitePlaybook, bundled_playbook
from support.playbook_cases import a_log, a_question

BUNDLED = bundled_playbook()
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "playbook.md").read_text(encoding="utf-8")
FIRST, VOCABULARY, CHOOSING = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
SENTENCES = [
    line for block in re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) for line in block.splitlines()
]
ROWS = [
    [cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
MATCHES = [row for row in ROWS if row[0].startswith("{")]
CHOICES = [row for row in ROWS if row[1].startswith("filler-valve")]
RULE = "- id: tried-rule\n  category: mechanical\n  match: {}\n  summary: S.\n  probable_cause: C.\n  checks: [Look.]\n"


def reading(place: Path, **files: str) -> SitePlaybook:
    """The rules of ``files`` in a directory ``playbook``."""
    directory = place / "playbook"
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = SitePlaybook(directory, BUNDLED)
    found.scan()
    return found


def answered(playbook: SitePlaybook, line: str) -> tuple[str, str]:
    """Source and summary of the answer to a line of the page."""
    service, message, *rest = line.split(" | ")
    fields = dict(pair.split("=") for pair in rest)
    host = fields.pop("host", "host-1")
    answer = playbook.explain(a_question(a_log(message, service, host=host, context=json.dumps(fields))))
    assert answer.finding is not None
    return answer.source or "", answer.finding["summary"]


def test_the_first_rule_is_read_and_answers_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through ANDON_PLAYBOOK; it says on the page what the answer ends with."""
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "line3.yaml").write_text(FIRST)
    monkeypatch.setenv("ANDON_PLAYBOOK", str(tmp_path / "playbook"))
    found = SitePlaybook(load_settings().playbook, BUNDLED)
    found.scan()
    assert (len(found), found.problems, found.misled) == (1, [], [])
    answer = found.explain(a_question(a_log("Capper head 7, closing torque too low", "line-plc")))
    assert answer.source == "capper-torque-low (playbook/line3.yaml)"
    last = answer.text.splitlines()[-1]
    assert last == "Answered by this site's playbook rule capper-torque-low (playbook/line3.yaml)."
    assert f"`{last}`" in PAGE
    assert f"`{answer.source}`" in PAGE.replace("\n", " ")


@pytest.mark.parametrize(("match", "line", "other"), MATCHES)
def test_a_match_answers_its_line_and_not_the_other(tmp_path: Path, match: str, line: str, other: str) -> None:
    """Each row of the tables of terms and of ``match``."""
    found = reading(tmp_path, tried=RULE.replace("{}", match))
    assert found.problems == []
    assert answered(found, line)[0] == "tried-rule (playbook/tried.yaml)"
    assert not answered(found, other)[0].startswith("tried-rule")


def test_every_construct_stands_in_the_tables() -> None:
    """The terms and all keys of ``match`` but prefer, which has a table of its own."""
    shown = " ".join(row[0] for row in MATCHES)
    for construct in (
        "* ",
        "!",
        "~",
        "$",
        "all:",
        "any:",
        "none:",
        "codes:",
        "service:",
        "host:",
        "context:",
        "spoken:",
    ):
        assert construct in shown, construct
    assert "prefer:" in CHOOSING


@pytest.mark.parametrize(("line", "rule", "summary"), CHOICES)
def test_preferred_terms_choose_and_captures_fill(tmp_path: Path, line: str, rule: str, summary: str) -> None:
    """The two rules of the page, line by line."""
    found = reading(tmp_path, filler=CHOOSING)
    assert found.problems == []
    assert answered(found, line) == (f"{rule} (playbook/filler.yaml)", summary)


def test_a_vocabulary_of_the_site_is_known_to_its_rules(tmp_path: Path) -> None:
    """The page's lists, one of which names a list of Andon's."""
    rule = RULE.replace("{}", "{all: [[$infeed], [$blocked]]}")
    found = reading(tmp_path, vocabulary=VOCABULARY, tried=rule)
    assert found.problems == []
    for line in ("plc | Worm stuck", "plc | In-feed does not want to turn", "plc | Starwheel drive overheated"):
        assert answered(found, line)[0].startswith("tried-rule"), line
    assert not answered(found, "plc | Worm turns")[0].startswith("tried-rule")


def test_doctor_says_what_the_page_shows(tmp_path: Path) -> None:
    """The three sentences, each made by the change that the page names."""
    wide = reading(tmp_path, line3=FIRST.replace("torque ~ low", "torque ~ lo*"))
    tab = reading(tmp_path, line3=FIRST.replace("  category", "\tcategory"))
    example = reading(tmp_path, line3=FIRST.replace("Capper head 7, closing torque too low", "Capper open"))
    assert [*wide.problems, *tab.problems, *example.misled] == SENTENCES


def test_the_example_file_is_good() -> None:
    """No problems, and each example selects its rule."""
    found = SitePlaybook(ROOT / "examples" / "playbook", BUNDLED)
    found.scan()
    assert (found.problems, found.misled) == ([], [])
    assert len(found) >= 2
