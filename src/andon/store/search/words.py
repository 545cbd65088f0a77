"""Searching by words: what a person types becomes words and phrases, never a query language.

All words must occur, each at least as the beginning of a word; what stands in double quotes must occur to the letter,
from the beginning of a word on (anywhere in scripts without blanks between words). Upper and lower case and accents
make no difference. The index finds candidates; what is shown was checked against the log itself, so that nothing but
what was asked for is ever found, whatever the index makes of odd characters.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec
from sqlalchemy import Connection

from andon.store.alarms.record_states import state_of
from andon.store.schema.dialect import FOLDED, is_postgres
from andon.store.search.facets import OWN, Row, has_field

#: Words of a query that the index is asked for; further ones are only checked.
_ASKED = 12
_TEXT_MAX = 1_000
#: What a word for the value of a field begins with: a character of the private use area, which no one types.
_MARK = "\ue0f1"
#: A word for "this context has more fields than are indexed".
_MORE = f"{_MARK}more"
#: Severities that are in the index, as all values of the record's other fields are: the rest would only be many.
SEVERE = ("CRITICAL", "ERROR")
_WORD = re.compile(r"[^\W_]+")
_PHRASE = re.compile(r'"([^"]*)"')
#: From here on scripts have no blanks between words (Thai, Chinese, Japanese), or are rare enough to be treated so.
_UNPARTED = "\u0e00"


class Wanted(msgspec.Struct, frozen=True):
    """What a text search asks for: beginnings of words, phrases to the letter, and context fields with their values."""

    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    #: Words with a character as "m²" has it: PostgreSQL's index knows them by other letters.
    odd: frozenset[str] = frozenset()
    #: What the log must say of an alarm.
    state: str | None = None

    @classmethod
    def read(cls, text: str | None, fields: Sequence[tuple[str, str]] = (), state: str | None = None) -> Wanted:
        """From what a person typed. A text without any letter or digit is a phrase, quotes alone too."""
        typed = (text or "")[:_TEXT_MAX]
        phrases = [fold(phrase).strip() for phrase in _PHRASE.findall(typed)]
        loose = fold(_PHRASE.sub(" ", typed)).replace('"', " ")
        words: list[str] = []
        for piece in loose.split():
            found = _WORD.findall(piece)
            words += found
            # "ORA-00600" and "10.0.0.5" are words to people and several to the index
            if len(found) != 1 or found[0] != piece:
                phrases.append(piece)
        if typed.strip() and not words and not any(phrases):
            phrases = [fold(typed).strip()]  # quotes around nothing are no wish for every log
        # PostgreSQL takes case and accents from these alone as :func:`fold` does
        odd = [piece for piece in typed.split() if not all(c.isascii() or c in FOLDED for c in piece)]
        kept = tuple(phrase for phrase in dict.fromkeys(phrases) if phrase)
        letters = frozenset(_WORD.findall(fold(" ".join(odd))))
        return cls(tuple(dict.fromkeys(words)), kept, tuple(fields), letters, state)

    def __bool__(self) -> bool:
        return bool(self.words or self.phrases or self.fields or self.state)

    def fits(self, message: str, context: str | None, timestamp: str = "") -> bool:
        """Whether a log is what was asked for; its time matters for a state that is told as a span of time."""
        text = fold(message)
        if not all(phrase in text and _begins_a_word(phrase, text) for phrase in self.phrases):
            return False
        if self.words:
            own = _WORD.findall(text)
            if not all(any(one.startswith(word) for one in own) for word in self.words):
                return False
        if self.state is not None and state_of(context, timestamp).word != self.state:
            return False
        return all(has_field(context, *field) for field in self.fields)

    def expression(
        self, own: Sequence[tuple[str, Sequence[str]]] = (), words_of: Callable[[str], list[str] | None] | None = None
    ) -> str:
        """The question to FTS5: words alone, each in quotes, so that none can be an operator. Empty for nothing.

        ``own`` are fields of the record with the values of which they must have one. ``words_of`` tells which indexed
        words begin with a word, None for too many.
        """
        terms = []
        for word in self._asked()[:_ASKED]:
            known = words_of(word) if words_of and word.isascii() else None
            terms.append("(" + " OR ".join(f'"{one}"' for one in known) + ")" if known else f'"{word}"*')
        named = ["(" + " OR ".join(f'"{field_token(name, value)}"' for value in values) + ")" for name, values in own]
        fields = [f'("{field_token(*field)}" OR "{_MORE}")' for field in self.fields]
        return " AND ".join([*named, *fields, *terms])

    def parts(self) -> list[str]:
        """Words and phrases that must stand in the message as they are, for a first coarse look at rows."""
        return [part for part in dict.fromkeys([*self.phrases, *self.words]) if part.isascii()][:_ASKED]

    def tsquery(self) -> str:
        """The question to PostgreSQL's text search; fields are not in its index."""
        # The index knows the letters of Europe; what is left beyond ASCII is only checked.
        return " & ".join(f"{word}:*" for word in self._asked() if word.isascii() and word not in self.odd)

    def _asked(self) -> list[str]:
        """What an index may be asked for: beginnings of words."""
        found = list(self.words)
        for phrase in self.phrases:
            # the first may stand in the middle of what the index takes for a word
            found += _WORD.findall(phrase)[phrase[0] >= _UNPARTED :]
        return list(dict.fromkeys(found))


@functools.lru_cache(maxsize=256)
def _at_a_beginning(phrase: str) -> re.Pattern[str]:
    return re.compile(r"(?<![^\W_])" + re.escape(phrase))


def _begins_a_word(phrase: str, text: str) -> bool:
    """Whether ``phrase``, which ``text`` holds, does not begin in the middle of a word: the index could not tell."""
    if phrase[0] >= _UNPARTED or _WORD.match(phrase) is None:
        return True
    return _at_a_beginning(phrase).search(text) is not None


def fold(text: str) -> str:
    """``text`` without case and accents."""
    if text.isascii():
        return text.lower()
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parted if not unicodedata.combining(c)).casefold()


def field_token(name: str, value: str) -> str:
    """A word for "this field has this value"; short, because most occur once."""
    return _MARK + blake2b(f"{name}\x00{value}".encode("utf-8", "replace"), digest_size=4).hexdigest()


@functools.lru_cache(maxsize=1024)
def _own_tokens(own: tuple[str | None, ...]) -> str:
    named = ((name, value) for name, value in zip(OWN, own, strict=True) if value)
    return " ".join(field_token(name, value) for name, value in named if name != "severity" or value in SEVERE)


def add(connection: Connection, rows: Sequence[Row]) -> None:
    """Take ``rows`` into the index of words; PostgreSQL keeps its own."""
    _change(connection, "INSERT INTO log_words (rowid, words) VALUES (?, ?)", rows)


def remove(connection: Connection, rows: Sequence[Row]) -> None:
    """Take ``rows`` out of the index, exactly as they were taken in."""
    _change(connection, "INSERT INTO log_words (log_words, rowid, words) VALUES ('delete', ?, ?)", rows)


def _change(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    if rows and not is_postgres(connection):
        connection.exec_driver_sql(statement, [(row.id, indexed_text(row)) for row in rows])


def indexed_text(row: Row) -> str:
    """What the index is given for a log: its message and a word for each of its fields that can be compared."""
    tokens = " ".join([field_token(name, value) for name, value in row.fields])
    return f"{fold(row.message)} {_own_tokens(row.own)} {tokens}{' ' + _MORE if row.more else ''}"
