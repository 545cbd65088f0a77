"""The vocabulary: one word for one thing, and English as a native technical writer writes it.

Each rule finds its own bad example and leaves the good one. What a rule may find all the same is listed with its
reason, and an entry of that list that finds nothing any more fails.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from support.sentences import Sentence, everywhere, may_hold, of_page, of_python, of_script, of_template, prose


class Rule(NamedTuple):
    """``found`` is an expression; ``bad`` a sentence that it finds, ``good`` how that is written instead."""

    found: str
    bad: str
    good: str


#: Words of the code, which people who look at logs need not know.
TERMS = (
    Rule(
        r"patterns?",
        "Explanations of a pattern are shown on every log.",
        "Explanations of a problem are shown on every log.",
    ),
    Rule(r"fingerprints?", "Its fingerprint has changed.", "It is grouped in a different way now."),
    Rule(r"rungs?", "The rung of the answer is model.", "The answer comes from the model."),
    Rule(r"templates?", "The template of the problem.", "The text of the problem."),
)
#: Turns that were translated word by word.
TURNS = (
    Rule(
        r"(?<!there )(?:is|are) no(?! (?:longer|more|less|need|other|such|one|better|worse|different)\b)(?= \w)",
        "'x' is no order.",
        "'x' is not an order.",
    ),
    Rule(r"for ever", "Logs are kept for ever.", "Logs are kept forever."),
    Rule(r"in question", "12 logs in question, 0 others.", "12 logs of the problem, 0 others."),
    Rule(r"gave up on nothing", "The model gave up on nothing.", "The model answered every problem."),
    Rule(r"anew", "Propose it anew.", "Propose it again."),
    Rule(
        r"(?:goes|go|going|went|lets go) on by itself",
        "Recording goes on by itself.",
        "Recording continues automatically.",
    ),
    Rule(
        r"(?:makes?|made|making) room|no room is left",
        "Make room, or name another disk.",
        "Free some disk space, or choose another disk.",
    ),
    Rule(r"stands? (?:there|twice|already)|what stands", "The name stands there twice.", "The name is listed twice."),
    Rule(r"are one thing", "password and password_file are one thing.", "Set either password or password_file."),
    Rule(r"nobody is sure", "What nobody is sure of is asked.", "Andon asks when the result is unknown."),
    Rule(r"of a moment (?:before|ago)", "The answer of a moment before.", "The previous answer."),
    Rule(r"a sentence of its own", "The default is a sentence of its own.", "The default is the list of shifts."),
    Rule(r"(?:refuses|lets?) us", "The broker refuses us.", "The broker refused the connection."),
    Rule(r"not looked (?:at|for|after|up)", "Sources not looked at.", "Sources could not be checked."),
    Rule(r"without a word", "It ended without a word.", "It ended without an error message."),
    Rule(
        r"(?:may|can|could) be told (?:nobody|of none)|tells? (?:it|them) of none|told nobody",
        "A secret that is told nobody.",
        "A secret that is never shown.",
    ),
    Rule(r"(?:of|an) unknown make", "A table of an unknown make.", "A table with an unknown layout."),
    Rule(r"heard on", "The port that syslog is heard on.", "The port on which Andon listens for syslog."),
    Rule(r"(?:takes|take) a free one", "-1 takes a free one.", "-1 picks a free one."),
    Rule(
        r"wants? (?:a login|a token|credentials)",
        "The page wants a login.",
        "The page requires a login.",
    ),
    Rule(r"is called so", "No user is called so.", "There is no user with this name."),
    Rule(r"what is (?:called )?the same by", "What is the same by its words.", "Logs with the same words."),
    Rule(r"(?:way|go|goes) there and back", "On the way there and back.", "In both directions."),
    Rule(r"(?:is|are) not its to", "An approval is not its to give.", "It cannot give an approval."),
    Rule(r"held against", "Its logs are held against all others.", "Its logs are compared with all others."),
    Rule(r"in no calendar", "2025-02-31 is in no calendar.", "2025-02-31 is not a date."),
    Rule(r"(?:this|the) box'?s? way", "Check this box's way to the internet.", "Check this machine's internet access."),
)
#: Pages and modules that developers read: the words of the code are theirs.
DEVELOPERS = (
    "CONTRIBUTING.md",
    "docs/api.md",
    "docs/performance.md",
    "docs/extending.md",
    "src/andon/core/telemetry.py",
    "src/andon/store/migrations/",
)


class Allowed(NamedTuple):
    """A sentence in ``file`` (or below it) that fits the expression ``whole`` is right, for this reason."""

    file: str
    whole: str
    reason: str


ALLOWED = (
    Allowed(
        "src/andon/store/",
        "pattern …",
        "a key in the database: the subject of an audit entry, the code of an alarm without one",
    ),
    Allowed("src/andon/act/connectors/teams.py", ".* from the template .*", "Power Automate calls it a template"),
    Allowed(
        "src/andon/ingest/sources/sparkplug_reader.py", "its templates are .*", "Template is a data type of Sparkplug"
    ),
    Allowed(
        "src/andon/app/doctor/model_checks.py",
        ".*(?:template|TEMPLATE).*",
        "the chat template of a model in Ollama",
    ),
    Allowed("docs/connectors.md", r".*template \*Send webhook alerts.*", "Power Automate calls it a template"),
    Allowed("docs/providers.md", ".*chat template.*", "the chat template of a model in Ollama"),
    Allowed("docs/sources.md", ".*an empty text.*", "Template is a data type of Sparkplug"),
    Allowed(
        "docs/sources.md",
        r".*(?:is a pattern (?:over|that reads) the path|\| in a pattern \||[Pp]atterns over (?:their|metric) names).*",
        "an expression with wildcards",
    ),
)


def _expression(rules: tuple[Rule, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(rule.found for rule in rules)})(?![\w-])", re.IGNORECASE)


TERMS_FOUND, TURNS_FOUND = _expression(TERMS), _expression(TURNS)
ANY_FOUND = _expression(TERMS + TURNS)


def found_in(sentence: Sentence) -> str:
    """What of a sentence is against the rules; "" where nothing is."""
    wrong = TURNS_FOUND.search(sentence.text)
    if wrong is None and not sentence.file.startswith(DEVELOPERS):
        wrong = TERMS_FOUND.search(sentence.text)
    return wrong[0] if wrong else ""


def test_people_read_the_words_of_the_field() -> None:
    """Messages, settings, help, the page and its scripts, and the documentation."""
    used: set[Allowed] = set()
    wrong = []
    for sentence in everywhere(ANY_FOUND):
        if words := found_in(sentence):
            one = next(
                (
                    one
                    for one in ALLOWED
                    if sentence.file.startswith(one.file) and re.fullmatch(one.whole, sentence.text)
                ),
                None,
            )
            if one is None:
                wrong.append(f"{sentence.file}:{sentence.line}: {words!r} in: {sentence.text[:160]}")
            else:
                used.add(one)
    unused = [f"{one.file}: {one.whole!r} is allowed and not found any more" for one in ALLOWED if one not in used]
    assert not wrong + unused, "\n".join(wrong + unused)


@pytest.mark.parametrize("rule", TERMS + TURNS, ids=lambda rule: rule.found)
def test_a_rule_finds_its_example_and_not_what_is_right(rule: Rule) -> None:
    assert re.search(_expression((rule,)), prose(rule.bad)), rule
    assert found_in(Sentence("README.md", 1, prose(rule.bad))), rule
    assert not found_in(Sentence("README.md", 1, prose(rule.good))), rule


def test_developers_may_read_the_words_of_the_code_and_no_translated_turn() -> None:
    assert not found_in(Sentence("CONTRIBUTING.md", 1, "A pattern has a template."))
    assert found_in(Sentence("CONTRIBUTING.md", 1, "A pattern is kept for ever."))


def test_every_exception_has_a_reason() -> None:
    assert all(len(one.reason.split()) > 2 for one in ALLOWED)


def test_sentences_of_a_module() -> None:
    """Literals over two lines and f-strings are one sentence; docstrings, SQL and lists of words are none."""
    source = '''
"""A docstring of a pattern."""
QUERY = "SELECT pattern FROM patterns WHERE id = ?"
WORDS = """
    pattern patterns place
"""
def f(name):
    "A pattern."
    raise ValueError(f"{name} is kept for "
                     f"ever, see `andon patterns` and --pattern")
'''
    assert list(of_python(source, "a.py")) == [Sentence("a.py", 9, "… is kept for ever, see … and …")]


def test_a_module_is_worth_parsing_for_words_over_two_lines() -> None:
    assert may_hold('f"{name} is kept for "\n    f"ever"', TURNS_FOUND)
    assert may_hold('"""It is kept\n    for ever."""', TURNS_FOUND)
    assert not may_hold('"It is kept for as long as ever"', TURNS_FOUND)


def test_sentences_of_a_template() -> None:
    """Text, attributes that are shown, and literals that are filled in."""
    source = '{# no pattern here #}\n<p class="a pattern">Its pattern {{ x }}</p>\n<i title="a pattern"></i>{{ "one pattern" if y }}'
    assert [(one.line, one.text) for one in of_template(source, "a.html")] == [
        (3, "one pattern"),
        (3, "a pattern"),
        (2, "Its pattern …"),
    ]


def test_sentences_of_a_script() -> None:
    source = "// no pattern here\nshow('a pattern', `${n} patterns found`, \"pattern\");"
    assert [one.text for one in of_script(source, "a.js")] == ["a pattern", "… patterns found"]


def test_sentences_of_a_page() -> None:
    """A paragraph over two lines is one; code is none."""
    source = (
        "# A head\n\nIt is kept for\never in `a pattern`.\n\n```sh\nkept for ever\n```\n- an item\n- "
        "[two](patterns.md) words\n"
    )
    assert [(one.line, one.text) for one in of_page(source, "a.md")] == [
        (1, "# A head"),
        (3, "It is kept for ever in …."),
        (9, "- an item"),
        (10, "- [two… words"),
    ]


def test_no_sentence_shows_the_name_of_a_value_in_place_of_the_value() -> None:
    """A string with ``{made.name}`` that lacks its ``f`` prints just that. Columns of a progress bar are filled later."""
    unfilled = re.compile(r"\{(?!task\.)[a-z_]+\.[a-z_.]+\}")
    assert unfilled.search("`andon token revoke {made.name}` ends it.")
    source = Path(__file__).parents[2] / "src" / "andon"
    found = []
    for path in sorted(source.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        filled = {id(part) for whole in ast.walk(tree) if isinstance(whole, ast.JoinedStr) for part in ast.walk(whole)}
        for part in ast.walk(tree):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and id(part) not in filled:
                found += [f"{path.name}:{part.lineno}: {name}" for name in unfilled.findall(part.value)]
    assert found == []
