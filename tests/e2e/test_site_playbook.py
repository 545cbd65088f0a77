"""``andon run`` with a site's own playbook rules: they answer with no model, and a change counts without a restart."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.service import log, running

PAGE = Path(__file__).parents[2] / "docs" / "playbook.md"
ANSWER = """
SELECT a.source FROM logs l JOIN patterns p ON p.id = l.pattern_id JOIN analyses a ON a.pattern_id = p.id
WHERE l.message = ? AND a.rung = 'playbook'
"""


def test_the_first_rule_of_the_page_answers_and_a_new_one_is_read(tmp_path: Path) -> None:
    """The page's rule through ANDON_PLAYBOOK; a second file, of which one rule is broken, counts within seconds."""
    found = re.search(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "line3.yaml").write_text(found[1])

    with running(tmp_path, PROVIDER="PLAYBOOK", MODEL="", ANDON_PLAYBOOK=str(rules)) as andon:
        line = "Capper head 7, closing torque too low"
        sent = andon.cli("send", "--service", "line-plc", "--host", "line-3", "--wait", "--json", line)
        assert sent.returncode == 0, sent.stderr
        assert json.loads(sent.stdout.splitlines()[0])["source"] == "capper-torque-low (rules/line3.yaml)"
        assert "Answered by this site's playbook rule capper-torque-low (rules/line3.yaml)." in sent.stdout.decode()

        more = (
            found[1]
            .replace("capper-torque-low", "labeller-glue-cold")
            .replace("[[capper], [torque ~ low]]", "[[glue], [cold]]")
        )
        (rules / "line4.yaml").write_text(more + "- id: broken-rule\n")
        andon.until(lambda: "andon_playbook_rules 2.0" in andon.get("/metrics")[1], "the second rule")
        andon.until(lambda: "andon_playbook_problems 1.0" in andon.get("/metrics")[1], "the count of what is wrong")
        andon.until(lambda: "line4.yaml, line" in andon.log(), "word of it")
        andon.publish(log("Labeller: glue too cold"))
        rows = andon.until(lambda: andon.sql(ANSWER, "Labeller: glue too cold"), "the second rule's answer")
        assert rows[0][0] == "labeller-glue-cold (rules/line4.yaml)"
