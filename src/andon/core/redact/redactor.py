"""Replacing secrets: one numbering for everything that one answer, prompt or file shows."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from andon.core.late_patterns import late
from andon.core.redact import commands, positions, structures, tokens, vocabulary
from andon.core.redact.named import named
from andon.core.redact.values import PLACEHOLDER, Span
from andon.core.redact.visible import composed, folded, visible

#: A text is looked through anew until nothing is found, so many times at most.
_ROUNDS = 4
#: Secrets that are looked for wherever they stand, once they were found; each has so many characters.
_REMEMBERED, _LONG_ENOUGH = 64, 8
#: No bound: of a file, which is as long as it is.
_WHOLE = 2**31
#: Texts in which no secret was found lately, and the characters of each at most: the words of rules are asked about for
#: every question. None that holds a secret is kept.
_PLAIN, _PLAIN_MAX = 1_024, 600
_PIECE = late(r"[A-Za-z]{4,}")
_HALF_PLACEHOLDER = late(r"\[secret \d{0,6}\Z|\[(?:s(?:e(?:c(?:r(?:e(?:t)?)?)?)?)?)?\Z")


class Redactor:
    """Puts ``[secret 1]`` for secrets, the same number for the same secret, as long as it lives.

    One object serves what is seen together: a prompt with what tools return to it, a ticket, a file. What leads from
    a number back to its secret is in this object alone and goes with it.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._next = 1
        self._opaque: list[str] = []

    def redact(self, text: str) -> str:
        """``text`` with placeholders where secrets stood; a second pass changes nothing."""
        if "[secret " in text:
            self._next = max([self._next, *(int(one[0][8:-1]) + 1 for one in PLACEHOLDER.finditer(text))])
        plain, text = text, composed(text)
        for turn in range(_ROUNDS):
            spans = secrets_in(text, self._opaque)
            if not spans:
                return text if turn else plain
            pieces: list[str] = []
            at = 0
            for span in spans:
                pieces += text[at : span.start], self.placeholder(text[span.start : span.end])
                at = span.end
            text = "".join((*pieces, text[at:]))
        return text

    def again(self, text: str, *, masked: bool = False) -> str:
        """``text``, redacted before, without what was found to be a secret since, where nothing else says so.

        ``masked`` is a problem's text, in which parts of a secret may stand beside holes.
        """
        for secret in self._opaque:
            text = text.replace(secret, self.placeholder(secret))
            for piece in _PIECE.findall(secret) if masked and secret.isascii() else ():
                if piece != secret:
                    text = re.sub(rf"(?<![^\W_]){re.escape(piece)}(?![^\W_])", self.placeholder(secret), text)
        return text

    def text(self, text: str) -> str:
        """A text as it is where it holds no secret, else visible and redacted."""
        shown = visible(text)
        told = self.redact(shown)
        return text if told == shown else told

    def placeholder(self, secret: str) -> str:
        """What stands for ``secret``, with or without the mark that ended its sentence."""
        secret = secret.rstrip("?!.") or secret
        number = self._numbers.get(secret)
        if number is None:
            number = self._numbers[secret] = self._next
            self._next += 1
            if len(self._opaque) < _REMEMBERED and _can_be_found(secret):
                self._opaque.append(secret)
        return f"[secret {number}]"

    def clean(self, text: str, limit: int) -> str:
        """At most ``limit`` characters of ``text``, visible and redacted.

        Redacted before it is cut: half a secret would no longer look like one. Only the first few ``limit``
        characters are looked at, so that the cost is bounded whatever the length.
        """
        window = 2 * limit + 256
        cut = len(text) > window
        if cut:
            # the last word may be a part of one, and so of a secret that no pattern recognises
            text = text[: max(text.rfind(" ", 0, window), text.rfind("\n", 0, window), 0) or window]
        short = self.redact(visible(text))
        if not cut and len(short) <= limit:
            return short
        return _HALF_PLACEHOLDER.sub("", short[: limit - 1]) + "…"

    def value(self, value: Any, *, depth: int = 4, items: int = 24, limit: int = 500) -> Any:
        """A JSON value for the model: strings cleaned and cut at ``limit``, secrets gone, under whatever they stand.

        ``items`` bounds each object and list, ``depth`` the nesting; what is deeper becomes "…".
        """
        known = len(self._opaque)
        made = self._value(value, depth, items, limit)
        # what was found late may stand early as well
        return made if len(self._opaque) == known else self._value(made, depth, items, limit)

    def _value(self, value: Any, depth: int, items: int, limit: int, parent: str = "") -> Any:
        if isinstance(value, str):
            return self._text(value, depth, items, limit)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if abs(value) < 2**63 or limit == _WHOLE else "…"
        if depth <= 0:
            return "…"
        if isinstance(value, dict):
            return self._object(value, depth, items, limit, parent)
        if isinstance(value, list):
            return self._list(value, depth, items, limit)
        return self.clean(str(value), limit)

    def whole(self, value: Any) -> Any:
        """A JSON value without its secrets and otherwise as it is, whatever its size."""
        return self.value(value, depth=200, items=_WHOLE, limit=_WHOLE)

    def _text(self, text: str, depth: int, items: int, limit: int) -> str:
        """A string; one that is JSON itself is taken apart where its names are seen by that alone."""
        cleaned = self.clean(text, limit)
        if text[:1] in "[{" and depth > 0 and len(text) <= 32_768:
            try:
                inner = json.loads(text)
            except (ValueError, RecursionError):
                return cleaned
            if structures.has_secret(inner):
                told = json.dumps(self._value(inner, depth, items, limit), ensure_ascii=False)
                return self.clean(told, limit)
        return cleaned

    def _object(self, value: dict[Any, Any], depth: int, items: int, limit: int, parent: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        secret = structures.secret_fields(value, parent)
        table = structures.secret_columns(value)
        for key, inner in list(value.items())[:items]:
            name = self.clean(str(key), 80)
            if table is not None and key == table[0] and key not in secret:
                inner = [self._row(row, table[1]) for row in inner[:items]]
            made[name] = (
                self._hidden(inner) if key in secret else self._value(inner, depth - 1, items, limit, str(key)[:80])
            )
        return made

    def _row(self, row: Any, secret: frozenset[int]) -> Any:
        if not isinstance(row, list):
            return row
        return [self._hidden(cell) if at in secret else cell for at, cell in enumerate(row)]

    def _list(self, value: list[Any], depth: int, items: int, limit: int) -> list[Any]:
        secret = structures.secret_items(value)
        made = []
        for at, inner in enumerate(value[:items]):
            parts = secret.get(at)
            if parts is None:
                made.append(self._value(inner, depth - 1, items, limit))
            elif parts is structures.WHOLE or not isinstance(inner, str):
                made.append(self._hidden(inner))
            elif PLACEHOLDER.search(inner):
                made.append(self.clean(inner, limit))
            else:
                start, end = parts
                told = f"{inner[:start]}{self.placeholder(inner[start:end])}{inner[end:]}"
                made.append(self.clean(told, limit))
        return made

    def _hidden(self, value: Any) -> Any:
        """What stands for all of ``value``; nothing stays nothing, and a scheme in front of a secret is told."""
        if value is None or value in ("", [], {}):
            return value
        if isinstance(value, str):
            if PLACEHOLDER.fullmatch(value) or vocabulary.says_nothing(folded(value)):
                return value
            scheme, blank, secret = value.partition(" ")
            if blank and scheme.lower() in ("bearer", "basic", "digest", "token", "apikey") and secret.strip():
                secret = secret.strip()
                return f"{scheme} {secret if PLACEHOLDER.fullmatch(secret) else self.placeholder(secret)}"
            return self.placeholder(value)
        for one in structures.strings(value):
            if _can_be_found(one):
                self.placeholder(one)
        return self.placeholder(json.dumps(value, sort_keys=True, default=str))


def _can_be_found(secret: str) -> bool:
    """Whether a secret is odd enough to be looked for where nothing says that it is one."""
    return (
        len(secret) >= _LONG_ENOUGH
        and " " not in secret
        and vocabulary.is_opaque(secret)
        and not PLACEHOLDER.search(secret)
        and any(c.isalpha() for c in secret)
        and secret[:1] not in "[{"
    )


def secrets_in(text: str, known: list[str] | None = None) -> list[Span]:
    """Where secrets stand in ``text``, in order and apart; what is a placeholder already is none."""
    spans = [] if text in _plain else _own_secrets(text)
    for secret in known or ():
        at = text.find(secret)
        while at >= 0:
            spans.append(Span(at, at + len(secret)))
            at = text.find(secret, at + len(secret))
    return _apart(text, spans) if spans else []


#: The latest texts without a secret, the oldest first.
_plain: dict[str, None] = {}


def _own_secrets(text: str) -> list[Span]:
    """Where ``text`` itself says that a secret stands."""
    shadow = folded(text)
    spans: list[Span] = []
    if vocabulary.may_name(shadow):
        spans += named(text, shadow)
    spans += positions.found_in(text, shadow)
    spans += commands.found_in(text, shadow)
    spans += tokens.found_in(text, shadow)
    if not spans and len(text) <= _PLAIN_MAX:
        if len(_plain) >= _PLAIN:
            with contextlib.suppress(KeyError, StopIteration, RuntimeError):  # another thread was quicker
                del _plain[next(iter(_plain))]
        _plain[text] = None
    return spans


def _apart(text: str, spans: list[Span]) -> list[Span]:
    made: list[Span] = []
    taken = [one.span() for one in PLACEHOLDER.finditer(text)] if "[secret " in text else []
    for span in sorted(spans):
        if span.end <= span.start or any(span.start < end and start < span.end for start, end in taken):
            continue
        if made and span.start < made[-1].end:
            made[-1] = Span(made[-1].start, max(made[-1].end, span.end))
        else:
            made.append(Span(span.start, span.end))
    return made


_current: ContextVar[Redactor | None] = ContextVar("redactor", default=None)


@contextlib.contextmanager
def one_numbering() -> Iterator[Redactor]:
    """What is cleaned within is numbered together, by tasks started within too; an outer numbering goes on."""
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    mark = _current.set(made := Redactor())
    try:
        yield made
    finally:
        _current.reset(mark)


def redact(text: str) -> str:
    """``text`` with what looks like a secret replaced by ``[secret 1]`` and so on; a second pass changes nothing."""
    with one_numbering() as redactor:
        return redactor.redact(text)


def clean(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, visible and redacted. See :meth:`Redactor.clean`."""
    with one_numbering() as redactor:
        return redactor.clean(text, limit)


def clean_value(value: Any, *, depth: int = 4, items: int = 24, limit: int = 500) -> Any:
    """A JSON value for the model. See :meth:`Redactor.value`."""
    with one_numbering() as redactor:
        return redactor.value(value, depth=depth, items=items, limit=limit)
