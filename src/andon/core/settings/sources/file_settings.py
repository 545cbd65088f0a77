"""Files that are followed as they grow."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from andon.core.settings.late_tables import Late
from andon.core.settings.sources.standing import Standing

#: What a header format may name.
HEADER_NAMES = ("time", "severity", "service", "host", "message")
LineFormat = Literal["auto", "json", "plain"]


class LineRules(Standing):
    """How lines are read, whether of files that are followed, of those that are imported or of standard input.

    ``encoding`` is ``auto`` (UTF-8, UTF-16 where a mark says so) or a name that Python knows. ``header`` is a regular
    expression for the beginning of a line, with the named groups of :data:`HEADER_NAMES`; ``time_format`` is how its
    time is written, in the signs of ``strptime``. ``severity`` is that of lines that name none. With ``multiline``
    lines that belong together (a trace, what is indented) are one log.
    """

    encoding: str = Field("auto", max_length=40)
    format: LineFormat = "auto"
    header: str = Field("", max_length=1_000)
    time_format: str = Field("", max_length=100)
    severity: str = Field("", max_length=40)
    multiline: bool = True

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        if value != "auto":
            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError(
                    f"{value!r} is not an encoding that Python knows: use auto, utf-8, cp1252, utf-16 …"
                ) from None
        return value

    @field_validator("header")
    @classmethod
    def _header_names(cls, value: str) -> str:
        try:
            names = set(re.compile(value).groupindex)
        except re.error as error:
            raise ValueError(f"{value!r} is not a regular expression: {error}") from None
        if value and not names:
            raise ValueError(
                f"{value!r} has no named group: write (?P<time>…), and others of {', '.join(HEADER_NAMES)}"
            )
        if unknown := names - set(HEADER_NAMES):
            raise ValueError(f"{value!r} names {min(unknown)!r}, which is not one of {', '.join(HEADER_NAMES)}")
        return value


class FollowedFiles(LineRules):
    """A table ``[[files]]`` in ``andon.toml``: which files, and how they are read.

    ``start`` is where a file is begun that lies there when the table is new; later ones are read from their beginning.
    """

    paths: list[str] = Field(min_length=1, max_length=1_000)
    start: Literal["end", "beginning"] = "end"

    @field_validator("paths")
    @classmethod
    def _absolute(cls, value: list[str]) -> list[str]:
        for one in value:
            if not one.startswith(("/", "~")) and one[1:3] not in (":\\", ":/"):
                raise ValueError(
                    f"{one!r} is not an absolute path: write it from the root, such as /var/log/press/*.log"
                )
        return value


class FileSettings(BaseModel, defer_build=True):
    """Which files are followed."""

    files: list[Late[FollowedFiles]] = Field(
        [],
        max_length=200,
        description="Log files to follow as they grow, in `andon.toml`: a table `[[files]]` for each kind with "
        "`paths` (globs); see [sources](sources.md#files).",
    )
