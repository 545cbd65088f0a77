"""The bundled rules as they are written, with the examples that each has to answer."""

from __future__ import annotations

from andon.explain.playbook.code_tables import row_rule, written_tables
from andon.explain.playbook.parts import part_rules
from andon.explain.playbook.playbook import BROAD
from andon.explain.playbook.rules import WrittenRule, bundled_rules


def written_rules() -> list[WrittenRule]:
    """Every bundled rule, those of parts and of tables of codes among them."""
    rules = [rule for _, rule in bundled_rules()]
    broad = {rule.category: rule for rule in rules if rule.id.startswith(BROAD)}
    rules += [rule for _, rule, _ in part_rules(broad)]
    rules += [row_rule(file, table, at, row, broad) for file, table, rows in written_tables() for at, row in rows]
    return rules
