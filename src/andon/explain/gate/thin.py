"""Answers that say nothing of their own: checks that ask nobody to do anything, and what only repeats the logs."""

from __future__ import annotations

import re

from andon.explain.gate.said import Asked, Said, lexicon, words_of

#: Words of its own that a check may be without a verb we know: it is a sentence of some kind.
_SENTENCE = 7
#: Words that an answer has beside those of logs and form, and their share.
_NEW, _NEW_SHARE = 3, 0.12
_SIGN = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")


def thin_check(said: Said, asked: Asked, *, english: bool) -> str | None:
    """The first check without a verb or without an object, where those are half of them or more.

    What is a verb is known of English alone.
    """
    thin = [check for check in said.checks if _is_thin(check, asked, english=english)]
    return thin[0] if thin and 2 * len(thin) >= len(said.checks) else None


def adds_nothing(said: Said, asked: Asked) -> bool:
    """Whether the answer has hardly a word that is not in the logs or in the form."""
    words = {word for text in said.parts for word in words_of(text) if len(word) > 2 and not word.isdecimal()}
    idle = lexicon()["idle"]
    telling = {word for word in words if word not in idle["words"] and word not in idle["checking"]}
    new = {word[:6] for word in telling if word not in idle["ours"] and word not in asked.words}
    signs = len(_SIGN.findall("".join(said.parts)))
    return len(new) + signs // 2 < _NEW or len(new) + signs < _NEW_SHARE * len(telling)


def _is_thin(check: str, asked: Asked, *, english: bool) -> bool:
    every = words_of(check)
    words = [word for word in every if word.isalpha()]
    if _SIGN.search(check):
        return len(words) < 4
    if len(words) < 2 or asked.holds(every):
        return True
    if not english:
        return False
    idle = lexicon()["idle"]
    if all(word in idle["words"] or word in idle["checking"] for word in words):
        return True
    asks = check.rstrip().endswith("?") or any(_tells(words, at) for at in range(len(words)))
    return not asks and len(words) < _SENTENCE


def _tells(words: list[str], at: int) -> bool:
    """Whether the word tells somebody to do something, or is the verb of a sentence."""
    word, verbs = words[at], lexicon()["verbs"]
    if at == 0 and word.endswith("ing"):
        return bool({word[:-3], f"{word[:-3]}e", word[:-4]} & verbs["words"])
    if word not in verbs["words"]:
        return False
    follows = words[at + 1 : at + 2]
    if word in verbs["unsure"]:
        return bool(follows) and (follows[0] in verbs["objects"] or (at == 0 and len(words) > 3))
    return bool(follows)
