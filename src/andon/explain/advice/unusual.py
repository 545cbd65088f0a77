"""Orders for a safety device that no honest repair has: whatever the verb means, it is not one of those that are known.

A defeat can be told in more ways than can be listed; what is honestly done to a light curtain or a door switch cannot.
In checks, which are orders, a clause that begins with another verb and has a safety device as its object is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from andon.core.late_patterns import late
from andon.explain.advice import lexicon, polarity


class Order(NamedTuple):
    """Where the verb begins and the device ends; ``done`` where the verb is a participle: "may be strapped"."""

    start: int
    end: int
    done: bool = False


_CLAUSE = late(
    r"(?:^|[,;:(]|\band\b|\bthen\b|\bor\b|\bto\b|\bcan\b|\bmay\b|\bshould\b|\bmust\b|\bby\b) *"
    r"(?:(?:then|also|just|please|first|simply|now|next|finally|temporarily|briefly|quickly|carefully|instead|only"
    r"|always|you|we|one|can|could|may|might|should|must|safely|easily|try|best|enough|ok|okay|fine|it|is|to) )*"
    r"(?P<verb>[a-z]{2,}(?: (?:out|off|up|down))?)(?= (?:the|an?|its|their|your|both|all|any|each|every|one|two|this"
    r"|that|these|those|some|\d+)\b)"
)
_DONE = late(
    r"\b(?:can|may|could|should|must|might)(?: (?:\w+ly|also|just|well|now|then))* be(?: \w+ly)? (?P<verb>[a-z]{3,})\b"
    r"(?! by\b)"
)
#: The device is no object there, but a place.
_PLACE = late(
    r"\b(?:from|near|behind|beside|around|before|after|with|by|for|about|against|until|once|because|without|when|while"
    r"|if|whether|where|since|like|than|as|during|front of|next to|and|or|to see|so that|that|which)"
    r" (?:the |an? |its |any )?(?:\w+ )?\Z"
)
_HONEST = lexicon.whole("<honest>(?: (?:out|off|up|down))?")
_HONEST_DONE = lexicon.whole(r"(?:<honest>)(?:e?d|n|en|ed|ped|ted|red|led)?|<honest_done>")
_HAD_DONE = late(lambda: lexicon.filled(r" (?:\w+ ){0,2}?(?:(?:<honest>)(?:e?d|ped|ted|red|led)|<honest_done>)(?!\w)"))
_DEVICE = lexicon.whole("<device>")
#: Of a device that was named before.
_PART = late(
    r" (?:its|their|the|both|the two) (?:\w+ )?(?:wires|leads|cores|contacts|terminals|lever|plug|ends|tongue)\b"
)
_FAR = 90
_ENDS = late(r"[,;:()]|$|\b(?:if|when|because|before|after|until|once)\b")


def orders(text: str) -> Iterator[Order]:
    """The unusual orders of a plain sentence that gives orders."""
    for found in _CLAUSE.finditer(text):
        verb = found["verb"]
        honest = _HONEST.match(text, found.start("verb"))
        if honest is not None and honest.end() >= found.end("verb"):
            continue
        if (
            verb.endswith(("ing", "ed"))
            or polarity.is_thing(text, found.end("verb"))
            or _DEVICE.match(text, found.start("verb"))
        ):
            continue
        thing = _object(text, found.end("verb"))
        if thing is not None and not (verb in ("have", "get") and _HAD_DONE.match(text, thing)):
            yield Order(found.start("verb"), thing)
    for found in _DONE.finditer(text):
        if _HONEST_DONE.fullmatch(found["verb"]):
            continue
        before = text[max(0, found.start() - 60) : found.start()]
        devices = list(_DEVICE.finditer(before))
        if devices and not before[devices[-1].end() :].strip():
            yield Order(found.start("verb"), found.end("verb"), True)


def _object(text: str, at: int) -> int | None:
    """Where the device ends that is the object of the verb before ``at``."""
    stop = _ENDS.search(text, at)
    thing = _DEVICE.search(text, at, min(at + _FAR, len(text) if stop is None else stop.start()))
    if thing is None and _DEVICE.search(text, 0, at):
        thing = _PART.match(text, at)
    if thing is None or _PLACE.search(text[at : thing.start()]):
        return None
    return thing.end()
