"""Answers that say nothing of their own: checks that ask nobody to do anything, and what only repeats the logs."""

from __future__ import annotations

import re

from andon.explain.gate.said import Asked, Said, lexicon, words_of

#: Words of its own that a check may be without a verb we know: it is a sentence of some kind.
_SENTENCE = 7
#: Words that an answer has beside those of logs and form, and their share.
_NEW, _NEW_SHARE = 3, 0.12
#: Words of its own that an explanation has beside those that fit any fault.
_OWN = 2
#: The share of words of the log in a check without a verb that makes it a piece of the log.
_LOGGED = 0.6
#: A command to be typed: in backticks, with a flag, or of a program that everybody knows.
_COMMAND = re.compile(
    r"`[^`]+`|(?:^|\s)--?[A-Za-z]|\b(?:systemctl|journalctl|kubectl|docker|dmesg|ipconfig|ip|tracert|traceroute|"
    r"netstat|nslookup|chronyc|sfc|chkdsk|smartctl|select|[Pp]ing)\s\w"
)
_CLAUSE = re.compile(r"[.;:,()]+\s|\s[-–—]\s|\b(?:and|then|or)\b")
_ARTICLES = frozenset({"the", "a", "an", "all", "any", "each", "every", "its", "this", "these", "both"})
#: By which, beside single words, an answer says that it cannot tell.
_NOT_TOLD = re.compile(
    r"\b(?:not|no|nothing)\b(?: \w+){0,2} (?:say|tell|known|know|show|given|name|enough)s?\b", re.IGNORECASE
)
_SIGN = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")


def thin_check(said: Said, asked: Asked, *, english: bool) -> str | None:
    """The first check without a verb or without an object, where those are half of them or more.

    What is a verb is known of English alone.
    """
    thin = [check for check in said.checks if _is_thin(check, asked, english=english)]
    return thin[0] if thin and 2 * len(thin) >= len(said.checks) else None


def adds_nothing(said: Said, asked: Asked) -> bool:
    """Whether the answer, or its explanation alone, has hardly a word that is not in the logs or in the form."""
    telling, new = _new(said.parts, asked)
    signs = len(_SIGN.findall("".join(said.parts)))
    if len(new) + signs // 2 < _NEW or len(new) + signs < _NEW_SHARE * len(telling):
        return True
    return bool(said.checks) and not signs and not _new([said.summary, said.cause], asked)[1]


def fits_any(said: Said, asked: Asked) -> bool:
    """Whether the answer would fit any fault: hardly a word of it is neither of the logs nor one that any answer has.

    Not where it says that the logs do not tell more.
    """
    telling, _ = _new(said.parts, asked)
    idle = lexicon()["idle"]
    whole = "\n".join(said.parts)
    if _SIGN.search(whole) or _NOT_TOLD.search(whole) or not idle["honest"].isdisjoint(words_of(whole)):
        return False
    return len({word[:6] for word in telling - idle["ours"] - idle["generic"] - asked.words}) < _OWN


def _new(texts: list[str], asked: Asked) -> tuple[set[str], set[str]]:
    """The words of ``texts`` that tell something, and how those begin that logs and form do not have."""
    idle = lexicon()["idle"]
    words = {word for text in texts for word in words_of(text) if len(word) > 2 and not word.isdecimal()}
    telling = words - idle["words"] - idle["checking"]
    return telling, {word[:6] for word in telling - idle["ours"] - asked.words}


def _is_thin(check: str, asked: Asked, *, english: bool) -> bool:
    every = words_of(check)
    words = [word for word in every if word.isalpha()]
    if _SIGN.search(check):
        return len(words) < 4
    if asked.holds(every) or (len(words) < 2 and not _COMMAND.search(check)):
        return True
    if not english:
        return False
    idle = lexicon()["idle"]
    if all(word in idle["words"] or word in idle["checking"] for word in words):
        return True
    if check.rstrip().endswith("?") or _COMMAND.search(check):
        return False
    clauses = [words_of(clause) for clause in _CLAUSE.split(check)]
    orders = [clause[0] for clause in clauses if clause and _tells(clause, 0)]
    if words[0] in lexicon()["verbs"]["subjects"]:  # "the path is cut (cable, power of it)": told, not asked
        return set(orders) <= lexicon()["verbs"]["unsure"] and lexicon()["verbs"]["modal"].isdisjoint(words)
    if orders or any(_tells(words, at) for at in range(len(words))):
        return False
    return len(words) < _SENTENCE or sum(word in asked.words for word in words) > _LOGGED * len(words)


def _tells(words: list[str], at: int) -> bool:
    """Whether the word tells somebody to do something, or is the verb of a sentence."""
    word, verbs = words[at], lexicon()["verbs"]
    follows = words[at + 1 : at + 2]
    if word not in verbs["words"]:
        if at == 0 and word.endswith("ing"):
            return bool({word[:-3], f"{word[:-3]}e", word[:-4]} & verbs["words"])
        # "decant the oil": nothing but a verb stands before an article
        return at == 0 and bool(follows) and follows[0] in _ARTICLES and word not in lexicon()["idle"]["words"]
    if word in verbs["unsure"]:
        return bool(follows) and (follows[0] in verbs["objects"] or (at == 0 and len(words) > 3))
    return bool(follows)
