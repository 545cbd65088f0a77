"""Texts for Jira Data Center, read by the parser of wiki markup that Atlassian publishes: it finds none in what logs hold.

It is @atlaskit/editor-wikimarkup-transformer, which Jira's editor opens such texts with. ``JIRA_WIKI_MODULES`` may name
a directory in which it was installed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.jira_texts import wiki
from andon.core.models.actions import Section

pytestmark = pytest.mark.producers

PARSER = "@atlaskit/editor-wikimarkup-transformer@12.2.2"
PROGRAM = """
const { WikiMarkupTransformer } = require('@atlaskit/editor-wikimarkup-transformer');
const parser = new WikiMarkupTransformer();
const found = JSON.parse(require('fs').readFileSync(0)).map(text => {
  const kinds = new Set();
  const walk = node => {
    kinds.add(node.type.name);
    node.marks.forEach(mark => kinds.add(mark.type.name));
    node.content && node.content.forEach && node.content.forEach(walk);
  };
  walk(parser.parse(text));
  return [...kinds];
});
console.log(JSON.stringify(found));
"""
PIECES = [
    *(
        "{code}",
        "{noformat}",
        "{html}",
        "{quote}",
        "{color:red}",
        "{{m}}",
        "[~admin]",
        "!x.png!",
        "[a|http://x.example]",
    ),
    *(
        "h1. ",
        "bq. ",
        "* ",
        "# ",
        "- ",
        "||",
        "|",
        "----",
        "--",
        "\\\\",
        "\\",
        "??",
        ":)",
        "(!)",
        "(/)",
        "&#42;",
        "&amp;",
    ),
    *(" *b* ", " _i_ ", " -d- ", " +u+ ", " ^s^ ", " ~s~ ", "mailto:1", "http://x.example", "OPS-1", "a:b", "1:1"),
    *"{}[]()!|*^~+?#%@&<>-_:;/ .hbq1De\"'",
]


@pytest.fixture(scope="session")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed."""
    if named := os.environ.get("JIRA_WIKI_MODULES"):
        return Path(named)
    place = tmp_path_factory.mktemp("wiki")
    (place / "package.json").write_text("{}", encoding="utf-8")
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--ignore-scripts",
        "--legacy-peer-deps",
        PARSER,
    ]
    subprocess.run(command, cwd=place, check=True, timeout=300)
    return place


def _kinds(parser: Path, texts: list[str]) -> list[list[str]]:
    run = subprocess.run(
        ["node", "-e", PROGRAM],
        cwd=parser,
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=True,
        timeout=120,
    )
    found: Any = json.loads(run.stdout)
    return list(found)


def test_atlassians_parser_finds_no_markup_in_what_is_escaped(parser: Path) -> None:
    """And a great deal in the same texts as they were."""
    lot = random.Random(7)
    texts = ["".join(lot.choices(PIECES, k=lot.randint(1, 20))) for _ in range(3_000)]
    raw = {kind for kinds in _kinds(parser, [text.strip() for text in texts]) for kind in kinds}
    assert {"mention", "link", "table", "codeBlock", "emoji", "strong", "heading", "rule"} <= raw
    for text, kinds in zip(texts, _kinds(parser, [wiki((Section("", (text,)),)) for text in texts]), strict=True):
        assert set(kinds) <= {"doc", "paragraph", "text"}, text
    listed = wiki((Section("h1. {code}", tuple(texts[:20]), True),))
    (kinds,) = _kinds(parser, [listed])
    assert set(kinds) <= {"doc", "heading", "bulletList", "listItem", "paragraph", "text"}
    print(f"{PARSER}: {len(texts):,} texts, no markup alive; as they were: {', '.join(sorted(raw))}")
