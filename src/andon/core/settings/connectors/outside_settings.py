"""Connectors that installed packages bring."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, SecretStr

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


class OutsideSettings(BaseModel, defer_build=True):
    """What is connected by packages from outside."""

    connectors: list[OutsideTable] = Field(
        [],
        max_length=20,
        description="Systems for which an installed package brings the connector, in `andon.toml`: a table "
        "`[[connectors]]` for each with `kind`; see [connectors](connectors.md#connectors-from-outside).",
    )
