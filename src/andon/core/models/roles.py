"""What somebody may do."""

from __future__ import annotations

import enum


class Role(enum.IntEnum):
    """What somebody may do: each role may do what those before it may, but for looking, which a producer may not."""

    PRODUCER = 0  #: send logs, and nothing else: for programs
    VIEWER = 1  #: look
    OPERATOR = 2  #: acknowledge, shelve, note, confirm fixes, judge answers, sign, ask again
    ADMIN = 3  #: merge and split problems, retry and delete what could not be read, approve actions

    @property
    def word(self) -> str:
        """As people write it."""
        return self.name.lower()

    @classmethod
    def named(cls, word: str) -> Role:
        """The role of this word. Raises KeyError."""
        return cls[word.upper()]
