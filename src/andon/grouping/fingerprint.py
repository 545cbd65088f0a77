"""Fingerprints: which problem a log belongs to, the same in every process and run.

A text is folded (digits), stripped of its header, masked and cut into a skeleton of words and holes; the key is a
hash of that skeleton and of the codes that are identity. Folding is one pass in C and leaves few different texts,
so a cache over folded text answers most logs; it is exact because everything behind it sees folded text only,
and the few numbers that are codes are put in afterwards.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Generic, TypeVar

import msgspec

from andon.core.models import Fingerprint
from andon.grouping import mask
from andon.grouping.code_forms import MAX_CODES, canonical, find_slots
from andon.grouping.codes import CodeRules
from andon.grouping.headers import header_end
from andon.grouping.http_lines import find_agents, find_routes
from andon.grouping.traces import condense
from andon.grouping.writing import plain

#: Part of every key: raise it when a change here gives texts another skeleton.
VERSION = "2"
#: How much of a text is looked at, in characters; of a trace this much of its head and of its tail.
TEXT_LIMIT = 4096
#: A skeleton with fewer words than this is nobody's problem by itself: the service is part of its identity.
GENERIC_WORDS = 3
CACHE_ENTRIES = 8192
# Longer texts are cached under a digest, so that the cache stays small.
_LONG = 600

_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_PRIVATE = {ord("0") + digit: 0xE000 + digit for digit in range(10)}
_PUBLIC = {private: chr(plain) for plain, private in _PRIVATE.items()}
_PRIVATE_DIGITS = re.compile("[\ue000-\ue009]")
_HAS_PRIVATE = _PRIVATE_DIGITS.search
_WORD = re.compile(r"[^\W_]+")

_BEGIN = itemgetter(0)

K = TypeVar("K")
V = TypeVar("V")


class RecentCache(Generic[K, V]):
    """A dictionary that forgets what was not asked for recently; holds at most twice ``size`` entries, and twice
    ``most`` bytes where ``weigh`` tells about how many an entry takes.

    Two generations: a hit in the old one moves to the young one, and a full young one becomes the old one. That
    costs a hit nothing, where exact bookkeeping of ages would cost as much as the lookup.
    """

    def __init__(self, size: int, weigh: Callable[[K, V], int] | None = None, most: int = 4 * 2**20) -> None:
        self._size, self._weigh, self._most = size, weigh, most
        self._weight = 0
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value under ``key``, or None."""
        value = self._young.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember ``value``; may drop what was not asked for lately."""
        if self._weigh is not None:
            self._weight += self._weigh(key, value)
        if len(self._young) >= self._size or self._weight > self._most:
            self._old = self._young
            self._young = {}
            self._weight = 0 if self._weigh is None else self._weigh(key, value)
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class _Hole(msgspec.Struct, frozen=True):
    """A possible code of a plan: the folded piece, which run of digits is its first, and when it is a code."""

    piece: str
    first_run: int
    accept: Any


class _Plan(msgspec.Struct, frozen=True):
    """What a folded text comes to. ``done`` where no digits, service or context can change it any more."""

    parts: tuple[str | _Hole, ...]
    done: Fingerprint | None


#: Bytes of an entry beside those of its texts: objects, their heads, the places in dictionaries.
_AROUND = 500


def _weight_of(key: bytes | tuple[Any, ...], value: Fingerprint) -> int:
    parts = () if isinstance(key, bytes) else key[0] if isinstance(key[0], tuple) else key
    texts = len(key) if isinstance(key, bytes) else sum(map(len, parts))
    return _AROUND + 2 * texts + 2 * len(value.template)


def _weight_of_plan(key: str | bytes, value: _Plan) -> int:
    texts = sum(len(part) if isinstance(part, str) else _AROUND for part in value.parts)
    return _AROUND + 2 * len(key) + 2 * texts + (0 if value.done is None else 2 * len(value.done.template))


class Fingerprinter:
    """Names the problem a log belongs to. Pure and quick: called for each log on the loop.

    ``codes`` are the rules of what is identity. ``cache_entries`` bounds each of the caches (0 switches them off,
    which changes the speed and nothing else). Not for several threads; a text has the same key everywhere.
    """

    def __init__(self, codes: CodeRules | None = None, *, cache_entries: int = CACHE_ENTRIES) -> None:
        self._rules = codes or CodeRules()
        self._caching = cache_entries > 0
        # Answers that the text decides, or text and service; those with codes in them are not here.
        self._quick: RecentCache[bytes | tuple[bytes, str], Fingerprint] = RecentCache(cache_entries, _weight_of)
        self._plans: RecentCache[str | bytes, _Plan] = RecentCache(cache_entries, _weight_of_plan)
        self._filled: RecentCache[tuple[object, ...], Fingerprint] = RecentCache(cache_entries, _weight_of)

    def __call__(self, message: str, service: str, context: Mapping[str, Any] | None) -> Fingerprint:
        """The fingerprint of a log. Never raises, whatever the text."""
        quick = b""
        if len(message) <= _LONG and self._caching and not self._rules.patterns:
            # Texts with digits in the same places fold to the same text.
            quick = message.encode("utf-8", "surrogatepass").translate(_ZEROS)
            done = self._quick.get(quick) or self._quick.get((quick, service))
            if done is not None and (not context or not self._rules.in_context(context)):
                return done
        return self._look_up(message, service, context, quick)

    def _look_up(self, message: str, service: str, context: Mapping[str, Any] | None, quick: bytes) -> Fingerprint:
        text = _one_text(message) if "\n" in message or "\\n" in message or "#012" in message else message
        text = text[:TEXT_LIMIT]
        if self._rules.patterns:
            text = self._keep_site_codes(text)
        if not text.isascii():
            text = plain(text)
        plan = self._plan(mask.fold(text))
        codes = self._rules.in_context(context)
        if plan.done is None or codes:
            found = self._fill(plan, text, service, codes)
            if quick and not codes and len(plan.parts) == 1 and isinstance(plan.parts[0], str):
                self._quick.put((quick, service), found)
            return found
        if quick:
            self._quick.put(quick, plan.done)
        return plan.done

    def _plan(self, folded: str) -> _Plan:
        if not self._caching:
            return _make_plan(folded)
        key: str | bytes = folded
        if len(folded) > _LONG:
            key = hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        plan = self._plans.get(key)
        if plan is None:
            plan = _make_plan(folded)
            self._plans.put(key, plan)
        return plan

    def _fill(self, plan: _Plan, text: str, service: str, codes: tuple[tuple[str, str], ...]) -> Fingerprint:
        """The fingerprint of a plan with the digits of its codes, the service and the context put in."""
        parts: tuple[str, ...] = _with_digits(plan.parts, text)
        key = (parts, service, codes)
        found = self._filled.get(key) if self._caching else None
        if found is None:
            found = _fingerprint("".join(parts), service, codes)
            if self._caching:
                self._filled.put(key, found)
        return found

    def _keep_site_codes(self, text: str) -> str:
        """``text`` with the digits of the site's own codes moved out of the reach of folding and masking."""
        for pattern in self._rules.patterns:
            group = 1 if pattern.groups else 0
            pieces: list[str] = []
            last = 0
            for match in pattern.finditer(text):
                start, end = match.span(group)
                if start >= last:
                    pieces += (text[last:start], text[start:end].translate(_PRIVATE))
                    last = end
            if pieces:
                text = "".join(pieces) + text[last:]
        return text


def _one_text(message: str) -> str:
    """A message of many lines: the condensed form of a stack trace, else the message itself."""
    if len(message) > 4 * TEXT_LIMIT:
        message = f"{message[: 2 * TEXT_LIMIT]}\n{message[-2 * TEXT_LIMIT :]}"
    return condense(message) or message


def _make_plan(folded: str) -> _Plan:
    """Strip, find codes, mask. The expensive step: once for each different folded text."""
    start = header_end(folded)
    routes = find_routes(folded, start)
    spans: list[tuple[int, int, Any]] = [*routes]  # before what begins in the same place
    spans += [(begin, end, mask.HOLE) for begin, end in mask.wide_spans(folded, start) + find_agents(folded, start)]
    spans += _choose(find_slots(folded, start, [end for _, end, _ in routes]), spans)
    parts: list[str | _Hole] = []
    position = start
    for begin, end, what in sorted(spans, key=_BEGIN):
        if begin < position:
            continue
        parts.append(mask.mask_tokens(folded[position:begin]))
        parts.append(what if isinstance(what, str) else _Hole(folded[begin:end], folded.count("0", 0, begin), what))
        position = end
    parts.append(mask.mask_tokens(folded[position:]))
    if any(isinstance(part, _Hole) for part in parts):
        return _Plan(_joined(parts), None)
    text = mask.tidy("".join(part for part in parts if isinstance(part, str)))
    if text == mask.HOLE:
        text = _words_within(folded[start:])
    tokens = mask.skeleton(text)
    if mask.says(tokens) < GENERIC_WORDS or _HAS_PRIVATE(text):
        return _Plan((text,), None)
    return _Plan((text,), _named(text, tokens))


def _words_within(folded: str) -> str:
    """The words of a text that is a single value (a path, an address): all that it says."""
    words = _WORD.findall(folded[: mask.TEMPLATE_LIMIT])
    return mask.tidy(" ".join(mask.HOLE if any(map(str.isdigit, word)) else word for word in words)) or mask.HOLE


def _choose(found: list[Any], spans: list[tuple[int, int, Any]]) -> list[Any]:
    """The slots to use: none inside an address, path or date, none that overlaps one found before it."""
    taken = [(begin, end) for begin, end, _ in spans]
    chosen: list[Any] = []
    for slot in found:
        if len(chosen) == MAX_CODES:
            break
        if all(slot.end <= begin or slot.start >= end for begin, end in taken):
            taken.append((slot.start, slot.end))
            chosen.append((slot.start, slot.end, slot.accept))
    return chosen


def _joined(parts: list[str | _Hole]) -> tuple[str | _Hole, ...]:
    joined: list[str | _Hole] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def _with_digits(parts: tuple[str | _Hole, ...], text: str) -> tuple[str, ...]:
    """``parts`` with each possible code replaced by its raw text where it is a code, by a hole where not."""
    if len(parts) == 1 and isinstance(parts[0], str):
        return (parts[0],)
    runs = mask.digit_runs(text)
    filled: list[str] = []
    for part in parts:
        if isinstance(part, str):
            filled.append(part)
            continue
        pieces = part.piece.split("0")
        value = pieces[0] + "".join(runs[part.first_run + number] + piece for number, piece in enumerate(pieces[1:]))
        filled.append(canonical(value) if part.accept(value) else mask.HOLE)
    return tuple(filled)


def _fingerprint(text: str, service: str, codes: tuple[tuple[str, str], ...]) -> Fingerprint:
    """Template and key of a masked text; ``service`` counts where the text says too little by itself."""
    if _HAS_PRIVATE(text):
        text = text.translate(_PUBLIC)
    template = mask.tidy(text)
    tokens = mask.skeleton(template)
    tail: list[str] = []
    if codes:
        known = {*tokens, *(token.upper() for token in tokens)}
        tail = [f"{name}={code}" for name, code in codes if not known.issuperset(mask.skeleton(code))]
    if service and mask.says(tokens) < GENERIC_WORDS:
        tail.insert(0, mask.fold(plain(service[:200])).replace("0", mask.HOLE))
    return _named(template, tokens, mask.TAIL + mask.tidy(" ".join(tail)) if tail else "")


def _named(template: str, tokens: tuple[str, ...], ending: str = "") -> Fingerprint:
    identity = "\x1f".join((VERSION, *tokens)) + ending
    template = template or "(no text)"
    digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8)
    if len(template) + len(ending) > mask.TEMPLATE_LIMIT:
        template = mask.shorten(template, max(80, mask.TEMPLATE_LIMIT - len(ending)))
    return Fingerprint(digest.hexdigest(), mask.shorten(template + ending))
