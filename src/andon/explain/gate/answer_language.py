"""In which language an answer is, and in which it was to be: by the words that each has, or by its script.

What is quoted, and what stands in the logs, may be in any language. Short texts belong to none.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter

from andon.core.redact import visible
from andon.core.settings.settings import DEFAULT_INSTRUCTIONS
from andon.explain.gate.said import Asked, Said, lexicon, threes_of, unquoted, words_of

#: Words of a language that make a text one of it, and how many times those of the language that was asked for.
_LEAST, _MORE = 3, 1.5
#: Words of any others that make it a mixture, and the share of its words that makes a cause a copy of the log.
_MIXED, _COPIED = 3, 0.6
#: Letters of another script, and their share, that make a text one of that script.
_LETTERS, _SHARE = 10, 0.3
_SCRIPTS = {
    "CYRILLIC": "russian ukrainian bulgarian serbian",
    "GREEK": "greek",
    "CJK": "chinese japanese",
    "HIRAGANA": "japanese",
    "KATAKANA": "japanese",
    "HANGUL": "korean",
    "ARABIC": "arabic",
    "HEBREW": "hebrew",
    "THAI": "thai",
    "DEVANAGARI": "hindi",
}
#: A text is in no language where less than such a share of its words is known; of the tersest answer it is 20 in 100.
_SALAD = 0.12
_ANSWER = (
    r"(?:answer|repl|respon|writ|explain|speak|output|antwort|schreib|erklar|sprich|formulier|repond|ecri|respond|escrib|"
    r"rispond|scriv|answers|language|sprache|langue|idioma|lingua)\w*"
)


@functools.lru_cache(maxsize=4)
def asked_for(instructions: str) -> frozenset[str]:
    """The languages in which a model that got these instructions may answer.

    Those that it is told to answer in; else English, the language of the instructions and those that they name.
    """
    if instructions == DEFAULT_INSTRUCTIONS:
        return frozenset({"english"})
    ordered: set[str] = set()
    named: set[str] = set()
    for sentence in re.split(r"[.!?;\n]", instructions):
        text = " ".join(words_of(sentence))
        for language, names in lexicon()["names"].items():
            name = rf"\b(?:{'|'.join(names)})\b"
            if not re.search(name, text) or re.search(rf"\b(?:not|never|nicht|kein|pas|no)\b.*{name}", text):
                continue
            named.add(language)
            if re.search(rf"\b{_ANSWER}(?: \w+){{0,8}}? {name}|{name}(?: \w+){{0,3}}? {_ANSWER}", text):
                ordered.add(language)
    if ordered:
        return frozenset(ordered)
    hits = _hits(words_of(instructions))
    return frozenset({"english", *named, *_of_script(instructions), *(one for one, _ in hits.most_common(1))})


def foreign(said: Said, asked: Asked, instructions: str) -> str | None:
    """In which language the answer, its cause or its checks are that was not asked for, to be read behind "the answer";
    None where it was."""
    wanted = asked_for(instructions)
    whole = "\n".join(said.parts)
    for text in (said.cause, "\n".join(said.checks), whole):
        script = _of_script(" ".join(word for word in visible(text).split() if word not in asked.text))
        if script and not wanted & script:
            return f"is in a different language than requested ({min(script).capitalize()})"
        own = asked.own(text) if not script else []
        hits = _hits(own)
        if not hits:
            continue
        language, times = hits.most_common(1)[0]
        different = {word for word in own if language in _languages().get(word, ())}
        if (
            language not in wanted
            and times >= _LEAST
            and len(different) > 1
            and times >= _MORE * max(hits[one] for one in wanted)
        ):
            return f"is in a different language than requested ({language.capitalize()})"
        others = {word for word in own if wanted.isdisjoint(_languages().get(word, wanted))}
        if len(others) >= max(_MIXED, _MORE * max(hits[one] for one in wanted)):
            return "is in a mixture of languages"
    if _copies_foreign(said.cause, asked, wanted):
        return "gives what the log says as its cause, in a different language than requested"
    own = [word for word in asked.own(whole) if word.isalpha()]
    if own and not _of_script(whole) and sum(map(_known, own)) < max(1, _SALAD * len(own)):
        return "is in an unknown language"
    return None


def _copies_foreign(cause: str, asked: Asked, wanted: frozenset[str]) -> bool:
    """Whether the cause is the log's own text, not quoted, in languages that were not asked for."""
    text = unquoted(cause)
    words = words_of(text)
    threes = threes_of(words)
    if not threes or sum(map(asked.holds, threes)) < _COPIED * len(threes):
        return False
    script = _of_script(text, least=3)
    others = sum(1 for word in words if wanted.isdisjoint(_languages().get(word, wanted)))
    return bool(script and not wanted & script) or (
        others >= _LEAST and others > _MORE * sum(1 for word in words if wanted & set(_languages().get(word, ())))
    )


def _known(word: str) -> bool:
    words = lexicon()
    return word in _languages() or any(word in one for one in (*words["idle"].values(), words["verbs"]["words"]))


def _hits(words: list[str]) -> Counter[str]:
    """How many of the words each language has."""
    return Counter(language for word in words for language in _languages().get(word, ()))


@functools.cache
def _languages() -> dict[str, list[str]]:
    """The languages of each word."""
    found: dict[str, list[str]] = {}
    for language, words in lexicon()["languages"].items():
        for word in words:
            found.setdefault(word, []).append(language)
    return found


def _of_script(text: str, least: int = _LETTERS) -> frozenset[str]:
    """The languages that are written in the script of ``text``, where that is not Latin."""
    if text.isascii():
        return frozenset()
    scripts: Counter[str] = Counter()
    for character in text[:2_000]:
        if character.isalpha():
            scripts["" if character < "\u0370" else unicodedata.name(character, "").partition(" ")[0]] += 1
    total = sum(scripts.values())
    found: set[str] = set()
    for script, languages in _SCRIPTS.items():
        if scripts[script] >= least and scripts[script] >= _SHARE * total:
            found.update(languages.split())
    return frozenset(found)
