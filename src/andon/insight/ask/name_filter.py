"""What a question names: hosts, services and places that occur in the records, codes, severities, telling words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from andon.core.models import SiteNames
from andon.core.names import WORDS, key, level_of, meant, nearest, unknown

_WORD = re.compile(r"[^\W_]+(?:[._/:-][^\W_]+)*")
_CODE = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*\b")
#: Kinds of places by their words, and things behind whose word a number or letter may name one.
_LEVELS = ("line", "machine", "area", "site")
_THINGS = "hall cell station zone press robot oven mill cabinet"
_KIND = "|".join(
    sorted({*_THINGS.split(), *(word for level in _LEVELS for word in WORDS[level].split())}, key=len)[::-1]
)
_PLACE = re.compile(rf"\b((?:{_KIND})[\s_-]{{0,3}}#?(?:\d{{1,4}}|(?<=[\s_-])[a-z]))\b", re.IGNORECASE)
#: "on host nosuch", "in area north", "auf der Maschine X": what follows the word for a kind of place or thing.
_CALLED = re.compile(
    r"\b(?:on|in|at|of|from|for|by|auf|in|an|bei|von|vom|im|am|aus|für|en|de|sur|à|su)\s(?:(?:the|der|dem|die|das|la|el|le)\s)?"
    rf"({'|'.join(word for words in WORDS.values() for word in words.split())})\s([^\W\d_][\w.-]*\w)",
    re.IGNORECASE,
)
#: Texts that are quoted: "unexpected token at line 12" names no place.
_QUOTED = re.compile(r"""(?<!\w)(?:"[^"]*"|'[^']*'|`[^`]*`)(?!\w)""")
_SEVERITIES = (
    (re.compile(r"\b(?:criticals?|kritisch\w{0,3})\b", re.IGNORECASE), "CRITICAL"),
    (re.compile(r"\b(?:errors?|faults?|failures?|failed|fehlern?)\b", re.IGNORECASE), "ERROR"),
    (re.compile(r"\b(?:warnings?|warnung(?:en)?)\b", re.IGNORECASE), "WARNING"),
)
#: Words that tell nothing apart.
UNTELLING = frozenset(
    """
    a about after again all alarm alarms also an and any are around as at be because been before between but by can
    cause caused causes could did do does down during error errors ever every fail failed fails failure failures
    fault faults first for from get go going had happen happened happening happens has have hour hours how in into
    is it its last line lines log logged logs machine made make many me minutes month more most much my never new
    night no not now of off on one only or other our out over problem problems reason shift should show since so
    stop stopped stopping stops such tell than that the their them then there these they this time to today tonight
    too until up us was wasn we week were what when where which while who why will with would wrong yesterday you
    afternoon evening morning critical warning warnings please give explain issue issues went come came keep keeps
    often ago day days yet still area site plant
    """.split()  # noqa: SIM905 - a list of strings would take a page
)
_WORDS_MAX = 60
_GERMAN_THINGS = {
    "halle": "hall",
    "zelle": "cell",
    "presse": "press",
    "roboter": "robot",
    "ofen": "oven",
    "mühle": "mill",
    "schrank": "cabinet",
    "schaltschrank": "cabinet",
}
_GERMAN_THING = re.compile(rf"\b(?:{'|'.join(_GERMAN_THINGS)})(?=\s{{0,3}}#?\d)", re.IGNORECASE)


class Named(NamedTuple):
    """What was found.

    ``unknown`` are sentences about lines, machines, areas and sites that the question names and the records do not,
    though they name others;
    ``unclear`` are things such as "hall b" that are called so in no record, but may stand in texts, each with the
    sentence that it is unknown; none where the records name nothing of its kind.
    """

    hosts: list[str]
    services: list[str]
    places: list[str]
    codes: list[str]
    severity: str | None
    words: list[str]
    unknown: list[str]
    unclear: dict[str, str]


def _in_english(text: str) -> str:
    """``text`` with the German word for a thing in English where a number follows: "Presse 4" is "press 4"."""
    return _GERMAN_THING.sub(lambda found: _GERMAN_THINGS[found[0].lower()], text)


def find_names(question: str, names: SiteNames) -> Named:
    """What ``question`` names. A name is compared without regard to case, blanks, dashes and leading zeros."""
    text = _in_english(question[:2_000])
    words = _WORD.findall(text)[:_WORDS_MAX]
    spoken = _grams(words)
    hosts = _found(names.hosts, spoken)
    places = [place for place in _found(names.places, spoken) if place not in hosts]
    unquoted = " ".join(_QUOTED.sub(" ", text).split())
    missing: list[str] = []
    unclear: dict[str, str] = {}
    of_level = {
        "line": names.lines,
        "machine": names.machines,
        "area": names.areas,
        "site": names.sites,
        "host": names.hosts,
        "service": names.services,
    }
    for found in dict.fromkeys(" ".join(found[1].split()) for found in _PLACE.finditer(text)):
        level = level_of(found)
        called = meant(found, of_level.get(level or "", names.places), level or "")
        places += [place for place in called if place not in places and place not in hosts]
        if called or _plain(found) in map(_plain, (*hosts, *places)):
            continue
        if level is not None and of_level.get(level) and found[-1].isdecimal() and found in unquoted:
            missing.append(unknown(level, found, nearest(found, of_level[level])))
        elif found in unquoted and not found.endswith((" a", " i")):  # "is the machine a problem?"
            near = nearest(found, [*names.hosts, *names.places])
            unclear[found] = unknown("place or host", found, near) if level is None or of_level[level] else ""
    # "press 4" is a machine, and its logs may come from any service, also where one is called "press"
    left = _PLACE.sub(lambda said: said[0] if " ".join(said[1].split()) in unclear else " ", text)
    services = [name for name in _found(names.services, _grams(_WORD.findall(left))) if name.lower() not in UNTELLING]
    known = {_plain(name) for name in (*hosts, *places, *services)} | set(WORDS["service"].split() if services else ())
    for level, said in _claims(unquoted, words, of_level):
        if _plain(said) not in known and said not in unclear:
            unclear[said] = unknown(level, said, nearest(said, of_level[level]))
    codes = [code for code in _codes(text) if _plain(code) not in known]
    severity = next((level for pattern, level in _SEVERITIES if pattern.search(text)), None)
    others = [w for w in map(str.lower, words) if len(w) > 2 and w not in UNTELLING and not w.isdigit()]
    telling = list(dict.fromkeys(w for w in others if _plain(w) not in known))
    return Named(hosts, services, places, codes, severity, telling, missing, unclear)


def _claims(text: str, words: list[str], of_level: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """What seems to be a name of a kind: it follows the word for the kind, or differs from a name by its numbers."""
    for found in _CALLED.finditer(text):
        level = next(level for level, kind in WORDS.items() if found[1].lower() in kind.split())
        if of_level[level] and found[2].lower() not in UNTELLING:
            yield level, found[2]
    shapes = {_shape(name): level for level, named in reversed(list(of_level.items())) for name in named}
    for word in words:
        kind_of_word = shapes.get(_shape(word) or " ")
        if kind_of_word is not None and word in text:
            yield kind_of_word, word


def _shape(name: str) -> str:
    """A name without what its numbers are; nothing for what is not a word and numbers."""
    plain = _plain(name)
    return re.sub(r"\d+", "0", plain) if re.search(r"\d", plain) and re.search(r"[^\W\d_]", plain) else ""


def _codes(text: str) -> list[str]:
    """Alarm codes and the like: letters and digits in one word, not a time, an age or an ordinal."""
    found = [code for code in _CODE.findall(text) if len(code) >= 4]
    return list(dict.fromkeys(c for c in found if not re.fullmatch(r"\d+(?:[a-z]{1,7}|T\d*)|\d{4}-\d{2}.*", c)))


def _plain(name: str) -> str:
    return key(name, "")


def _grams(words: list[str]) -> set[str]:
    """Each word, and each two and three words that follow one another, plain."""
    return {_plain(" ".join(words[start : start + length])) for length in (1, 2, 3) for start in range(len(words))} - {
        ""
    }


def _found(names: Iterable[str], spoken: set[str]) -> list[str]:
    """The names that were spoken, longest first: it says most."""
    found = [name for name in names if len(name) > 1 and _plain(name) in spoken and name.lower() not in UNTELLING]
    return sorted(found, key=lambda name: (-len(name), name))
