"""What a single record says of an alarm, in one word: for lists of records, and for finding them by it. Pure."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import msgspec

from andon.core.times import unix_minute
from andon.store.alarms.states import names_state_or_code, read

#: ``event`` is a record that says nothing of a state.
RECORD_STATES = ("raised", "cleared", "acknowledged", "event")
#: Longer contexts are not read, in characters.
_CONTEXT_MAX = 65_536


class RecordState(NamedTuple):
    """One of :data:`RECORD_STATES`, and the alarm's code where the record has one."""

    word: str
    code: str | None


_EVENT = RecordState("event", None)


def state_of(context: str | None, timestamp: str) -> RecordState:
    """What the stored context of a record of this time (in stored form) says."""
    if not context or len(context) > _CONTEXT_MAX:
        return _EVENT
    try:
        fields: Any = msgspec.json.decode(context)
    except (msgspec.DecodeError, RecursionError):  # taken over as it was
        return _EVENT
    if not isinstance(fields, dict) or (_tells_nothing(tuple(fields)) and not _holds_more(fields)):
        return _EVENT
    said = read(fields, unix_minute(timestamp) * 60.0)
    if said.active is not None:
        word = "raised" if said.active else "cleared"
    elif said.spans:
        word = "raised" if said.ended is None else "cleared"
    else:
        word = "acknowledged" if said.acknowledged else "event"
    return RecordState(word, said.code)


def _tells_nothing(names: tuple[str, ...]) -> bool:
    """Whether no field of these names can say anything: logs of one kind have the same, which is remembered where the
    names are no burden."""
    short = len(names) <= _NAMES_MAX and len("".join(names)) <= _LETTERS_MAX
    return (_known_to_tell_nothing if short else _names_nothing)(names)


def _names_nothing(names: tuple[str, ...]) -> bool:
    return not names_state_or_code(dict.fromkeys(names))


#: Names of fields, and letters of them together, that are remembered.
_NAMES_MAX, _LETTERS_MAX = 50, 1_000
_known_to_tell_nothing = functools.lru_cache(maxsize=1024)(_names_nothing)


def _holds_more(fields: dict[str, Any]) -> bool:
    return any(isinstance(value, dict) for value in fields.values())
