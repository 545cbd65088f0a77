"""Which known name a person means, and which come nearest where it is none of them. Pure.

"line 3" is `L3`, `l3`, `Line-3` or `line03`, whichever is known: case, accents, separators, zeros in front of a number
and the word for the kind of place say nothing. Numbers do: `L3` is neither `L13` nor `L30`.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Collection, Iterable, Sequence
from heapq import nsmallest
from typing import NamedTuple

from andon.core.models.terms import Names
from andon.core.text import printable, unaccented

#: Names told where one is not known.
NEAREST = 5
_SHOWN_MAX = 80
_READ_MAX = 200
_FAR = 10**9
#: Words, numbers, and what is no separator.
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s./:#,()-]")

#: What people call a kind of place, in the languages that logs are read in and some more.
WORDS = {
    "line": """line lines linie linien ligne lignes línea lineas linha linea linee linia linka linje lijn linja vonal
        линия 线 线体 产线 生产线 号线 ライン 라인""",
    "area": "area areas bereich bereiche área áreas gebied område oblast obszar участок 区 区域 エリア 구역",
    "site": """site sites standort standorte werk plant usine planta stabilimento fábrica fabbrica zakład závod завод
        厂 工厂""",
    "machine": """machine machines maschine maschinen máquina máquinas macchina macchine maskin maskine maszyna stroj
        asset машина 机 机器 设备 機械 설비""",
    "host": "host hosts hostname rechner hôte anfitrión 主机",
    "service": "service services dienst dienste servicio servizio serviço 服务",
}
#: What stands for that word where a number follows at once: L3, A2, M-04.
_SHORT = {"line": "l ln lin lne", "area": "a ar", "site": "s", "machine": "m mc mach masch", "host": "h", "service": ""}
#: Before a number these mean nothing.
_NUMBER = frozenset("no nr num number nummer numero".split())  # noqa: SIM905

_words = {level: frozenset(map(unaccented, text.split())) for level, text in WORDS.items()}
_short = {level: frozenset(text.split()) for level, text in _SHORT.items()}


class Nearest(NamedTuple):
    """Names that come nearest to one that is not known, the nearest first, and how many are known.

    ``more`` says that there may be others.
    """

    names: Sequence[str]
    known: int
    more: bool = False


def meant(said: str, known: Iterable[str], level: str) -> list[str]:
    """Those of ``known`` that ``said`` means: the name itself, else it in another case, else all that read the same."""
    names = set(known)
    if said in names:
        return [said]
    plain = unaccented(said.strip())
    return in_order(
        [name for name in names if unaccented(name.strip()) == plain]
        or [name for name in names if key(name, level) == key(said, level)]
    )


def in_order(names: Collection[str]) -> list[str]:
    """Names as people sort them: L2 before L10."""
    return sorted(names, key=lambda name: (_natural(name), name))


@functools.lru_cache(maxsize=4_000)
def key(name: str, level: str) -> str:
    """What a name of this kind says.

    >>> key("line 3", "line"), key("LINE_03", "line"), key("L3", "line"), key("L-3-2", "line"), key("L32", "line")
    ('3', '3', '3', '3-2', '32')
    """
    tokens = _tokens(name)
    tokens = [token for token in tokens if token not in _words.get(level, ())] or tokens
    while len(tokens) > 1 and tokens[1].isdecimal() and tokens[0] in _NUMBER | _short.get(level, frozenset()):
        del tokens[0]
    said = "".join(
        f"-{token}" if at and token.isdecimal() and tokens[at - 1].isdecimal() else token
        for at, token in enumerate(tokens)
    )
    return said or unaccented(name.strip())


def glob(pattern: str, *, any_case: bool = False) -> re.Pattern[str]:
    """What fits a pattern of ``*`` and ``?``; nothing else in it has a meaning."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")), re.IGNORECASE if any_case else 0)


def level_of(said: str) -> str | None:
    """The kind of place that ``said`` names by its word, as "line 3" does; None where it names none."""
    tokens = _tokens(said)
    return next((level for level, words in _words.items() if len(tokens) > 1 and not words.isdisjoint(tokens)), None)


def nearest(said: str, known: Collection[str], *, more: bool = False) -> Nearest:
    """The names that come nearest to ``said``: the same number first, then like letters, then the next numbers."""
    wanted, numbers = _pairs(said), _numbers(said)

    def distance(name: str) -> tuple[bool, float, int, list[tuple[int, str]], str]:
        own, digits = _pairs(name), _numbers(name)
        alike = 2 * len(wanted & own) / (len(wanted) + len(own) or 1)
        apart = abs(numbers[-1] - digits[-1]) if numbers and digits else _FAR if numbers else 0
        same = bool(numbers) and numbers == digits
        return not same, -round(alike, 2), apart, _natural(name), name

    return Nearest(nsmallest(NEAREST, known, key=distance), len(known), more)


def unknown(noun: str, said: str, near: Nearest, *, where: str = "") -> str:
    """The sentence that nothing is called so, with what comes nearest. Nothing in it steers a terminal.

    >>> unknown("line", "L9", Nearest(["L1", "L2"], 2))
    "no line is called 'L9'; there are 2: L1, L2"
    """
    fits = "fits" if "*" in said or "?" in said else "is called"
    return f"no {noun} {fits} {quoted(said)}{where}; {choice(noun, near)}"


def choice(noun: str, near: Nearest) -> str:
    """How many there are, and the nearest."""
    names, count = ", ".join(map(shown, near.names)), f"{'at least ' if near.more else ''}{near.known:,}"
    if not near.known:
        return "no log names any"
    if near.known == 1 and not near.more:
        return f"there is one: {names}"
    return (
        f"there are {count}: {names}"
        if near.known <= NEAREST and not near.more
        else (f"there are {count}, the nearest: {names}")
    )


def quoted(name: str) -> str:
    """A name as a sentence quotes it: cut, and what is invisible or steers as escapes."""
    return repr(name if len(name) <= _SHOWN_MAX else f"{name[: _SHOWN_MAX - 1]}…")


def shown(name: str) -> str:
    """A name as a sentence lists it."""
    cut = " ".join(name.split())[:_SHOWN_MAX]
    return printable(cut) if cut.isprintable() else repr(cut)[1:-1]


def listed(names: Names) -> str:
    """Names as a sentence tells them, the first few of many."""
    if isinstance(names, str):
        return shown(names)
    more = f" and {len(names) - NEAREST} more" if len(names) > NEAREST else ""
    told = [shown(name) for name in names[:NEAREST]]
    return ", ".join(told) + more if more or len(told) < 2 else f"{', '.join(told[:-1])} and {told[-1]}"


def _tokens(name: str) -> list[str]:
    """Words and numbers, these without zeros in front."""
    found = _TOKEN.findall(unaccented(name[:_READ_MAX]))
    return [str(int(token)) if token.isdecimal() else token for token in found]


@functools.lru_cache(maxsize=1_000)
def _pairs(name: str) -> frozenset[str]:
    """Neighbouring letters, the ends among them."""
    text = f"\x02{''.join(_tokens(name))}\x03"
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))


def _numbers(name: str) -> list[int]:
    return [int(token[-9:]) for token in _tokens(name) if token.isdecimal()]


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(t[-9:]), "") if t.isdecimal() else (-1, t) for t in _tokens(name)]
