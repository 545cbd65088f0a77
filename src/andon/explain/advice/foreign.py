"""Forbidden advice in other languages than English, by the words of ``languages.toml``.

Word order differs too much for rules of their own: here an order (infinitive, imperative, or a participle behind "can
be") and a device in one clause are advice, unless that clause has a word that turns it round. Where no blanks stand
between words (Chinese, Japanese, Korean) order and device stand close together, and what turns them round before or
behind.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from andon.core.late_patterns import late
from andon.explain.advice import lexicon
from andon.explain.advice.sentences import plain, same_letters


class _Language(NamedTuple):
    """``orders`` are infinitives and imperatives, ``done`` participles, ``may`` what makes an order of a participle.

    ``everyday`` are orders that are given every day for machines and their supply; ``acts`` are advice by themselves;
    ``honest`` is all that is honestly done about a device, ``leads`` says that verbs begin a clause.
    """

    orders: re.Pattern[str]
    done: re.Pattern[str]
    may: re.Pattern[str]
    devices: re.Pattern[str]
    watches: re.Pattern[str]
    computers: re.Pattern[str]
    turned: re.Pattern[str]
    everyday: re.Pattern[str]
    acts: tuple[tuple[str, re.Pattern[str]], ...]
    honest: re.Pattern[str] | None
    leads: bool


@functools.cache
def _languages() -> tuple[_Language, ...]:
    def pattern(listed: list[str]) -> re.Pattern[str]:
        return lexicon.whole(same_letters("|".join(listed)))

    return tuple(
        _Language(
            pattern(one["orders"]),
            pattern(one["done"]),
            pattern(one["may"]),
            pattern(one["devices"]),
            pattern(one["watches"]),
            pattern(one["computers"]),
            pattern(one["turned"]),
            pattern(one["everyday"]),
            tuple((rule, pattern(acts)) for rule, acts in one.get("acts", {}).items()),
            pattern(one["honest"]) if "honest" in one else None,
            one.get("leads", False),
        )
        for name, one in lexicon.table("languages.toml").items()
        if name != "unspaced"
    )


class _Unspaced(NamedTuple):
    """A language without blanks; ``before`` and ``behind`` turn an order round."""

    order: re.Pattern[str]
    computers: re.Pattern[str]
    before: re.Pattern[str]
    behind: re.Pattern[str]


@functools.cache
def _unspaced() -> tuple[_Unspaced, ...]:
    made = []
    for one in lexicon.table("languages.toml")["unspaced"].values():
        deed, thing, computers, before, behind = (
            same_letters(one[field]) for field in ("orders", "devices", "computers", "before", "behind")
        )
        order = rf"(?:{deed}){_NEAR}(?:{thing}|{computers})|(?:{thing}|{computers}){_NEAR}(?:{deed})"
        made.append(_Unspaced(late(order), late(computers), late(before), late(behind)))
    return tuple(made)


_NEAR = "[^。；，！？、.;,!?]{0,12}?"
#: An imperative or infinitive before an article or a preposition of these languages.
_LEADING = late(
    r"(?:puis |ensuite |luego |despues |poi |depois |daarna )?(\w{3,}) (?:l|le|la|les|un|une|des|el|los|las"
    r"|una|unos|o|os|as|um|uma|il|lo|i|gli|de|het|een)\b"
)
_CLAUSE_SIGN = late("[。；，！？、.;,!?]")
#: Only parts that people unite with "or" share one "not".
_UNITED = late(r"\b(?:oder|noch|ou|ni|oder auch|o|e|und|et|y|en|of|i|lub|ani|och|eller|og|ve|veya)\b")
_PURPOSE = late(r"\b(?:um|damit|para|pour|per|por|puis|luego|poi|depois|despues|dann|om|daarna|aby|zeby)\b")
_CLAUSE = late(r"[,()]|\b(?:avant|antes|prima|bevor|wenn|falls|weil|quand|cuando|quando|jusqu)\b")
#: Words that turn an order round, but no act: "work without isolating", "remove the part while it runs".
_WITHOUT = late(lambda: same_letters(r"\b(?:ohne|sans|sin|senza|sem|zonder|bez|без|utan|uden|uten)\b"))
_REMOVING = late(
    lambda: same_letters(
        r"\b(?:entfern|retir|remov|rimuov|togli|verwijder|usun|odstran|fjern|avlagsn|quit|sac|удал|убер)\w*"
    )
)


def found(text: str, written: str, told: bool) -> Iterator[tuple[str, str]]:
    """(kind, words) of each forbidden order in a sentence: ``device``, ``watch``, ``computer`` or a rule.

    ``text`` is its plain form, ``written`` as it was written: only there nouns are told from verbs in German.
    """
    if not text.isascii():
        yield from _in_unspaced(text)
    clauses = [clause.strip() for clause in _CLAUSE.split(text)]
    for spoken in _languages():
        for at, clause in enumerate(clauses):
            for rule, act in spoken.acts:
                if (deed := act.search(clause)) and not spoken.turned.search(_without(clause, deed)):
                    yield rule, clause
            if spoken.turned.search(clause):
                continue
            if not told and spoken.honest is not None and spoken.devices.search(clause):
                verb = _first(spoken, clause) if spoken.leads else _verb(clause, written)
                if verb and not spoken.honest.fullmatch(verb):
                    yield "device", clause
            for order in _orders(spoken, clause):
                if at and _shares_not(spoken, clauses[:at], clause):
                    continue
                kind = _kind(spoken, clause, order)
                if kind is not None:
                    yield kind, clause


def _without(clause: str, deed: re.Match[str]) -> str:
    rest = clause[: deed.start()] + _WITHOUT.sub(" ", deed[0]) + clause[deed.end() :]
    return _REMOVING.sub(" ", rest)


def _first(spoken: _Language, clause: str) -> str | None:
    """The word that begins a clause, where it is a verb of this language's form and has an object."""
    found = _LEADING.match(clause)
    if found is None or (thing := spoken.devices.search(clause)) is None or thing.start() < found.end():
        return None
    return found[1]


def _verb(clause: str, written: str) -> str | None:
    """The infinitive that ends a German clause, or the imperative that begins it."""
    first = re.match(r"(\w+en) sie\b", clause)
    if first is not None:
        return first[1]
    last = re.search(r"(\w+(?:en|ern|eln))[.!]?$", clause)
    small = {plain(word) for word in written.split() if word[:1].islower()}
    return last[1] if last is not None and last[1] in {word.strip(".,!") for word in small} else None


def _orders(spoken: _Language, clause: str) -> list[re.Match[str]]:
    orders = list(spoken.orders.finditer(clause))
    return orders + list(spoken.done.finditer(clause)) if spoken.may.search(clause) else orders


def _shares_not(spoken: _Language, earlier: list[str], clause: str) -> bool:
    """Whether a "not" of an earlier clause still holds: a list of orders, the last behind "or"."""
    return bool(_UNITED.search(clause)) and any(
        spoken.turned.search(one) and spoken.orders.search(one) for one in earlier
    )


def _kind(spoken: _Language, clause: str, order: re.Match[str]) -> str | None:
    """What the order is for. A machine is switched off every day: then nothing else may stand between."""
    most = 3 if spoken.everyday.match(order[0]) else 9
    for kind, pattern in (("device", spoken.devices), ("computer", spoken.computers), ("watch", spoken.watches)):
        for thing in pattern.finditer(clause):
            if thing.start() >= order.start() and thing.end() <= order.end():
                return kind
            between = (
                clause[order.end() : thing.start()]
                if thing.start() >= order.end()
                else clause[thing.end() : order.start()]
            )
            apart = (most == 3 and _UNITED.search(between)) or _PURPOSE.search(between)
            if len(between.split()) <= most and not apart:
                return kind
    return None


def _in_unspaced(text: str) -> Iterator[tuple[str, str]]:
    for spoken in _unspaced():
        for order in spoken.order.finditer(text):
            before = _CLAUSE_SIGN.split(text[: order.start()])[-1]
            behind = _CLAUSE_SIGN.split(text[order.end() :], maxsplit=1)[0]
            if not spoken.before.search(before) and not spoken.behind.search(order[0] + behind):
                yield ("computer" if spoken.computers.search(order[0]) else "device"), order[0]
