"""Connectors that installed packages bring."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr

from andon.core.settings.connectors.target import Target

#: Installed packages offer connectors under this group of entry points.
GROUP = "andon.connectors"


class OutsideTable(Target):
    """A table ``[[connectors]]`` in ``andon.toml``: a system of a kind that an installed package knows.

    ``options`` are the package's own, ``secret`` is what it logs in with.
    """

    kind: str = Field(min_length=1, max_length=100)
    options: dict[str, Any] = Field({})
    secret: SecretStr = SecretStr("")
