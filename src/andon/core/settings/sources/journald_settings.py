"""The journal of systemd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from andon.core.settings.lists import listed


class JournaldSettings(BaseModel, defer_build=True):
    """Whether the journal of this machine is read, and what of it."""

    journald: Literal["off", "on"] = Field(
        "off",
        description="`on`: follow the journal of this machine with `journalctl`; see "
        "[sources](sources.md#journald). One of `off`, `on`.",
    )
    journald_units: Annotated[list[str], NoDecode] = Field(
        [],
        max_length=200,
        description="systemd units whose logs are read: `postgresql.service, press-*`; empty means all but Andon's "
        "own.",
    )
    journald_priority: Literal["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] = Field(
        "info",
        description="Lowest priority that is read from the journal. One of `emerg`, `alert`, `crit`, `err`, `warning`, "
        "`notice`, `info`, `debug`.",
    )
    journald_directory: Path | None = Field(
        None, description="Directory of journal files to follow instead of this machine's own journal."
    )
    journald_namespace: str = Field(
        "", max_length=200, description="Namespace of the journal, as in `journalctl --namespace`."
    )

    @field_validator("journald_units", mode="before")
    @classmethod
    def _listed_units(cls, value: Any) -> Any:
        return listed(value)
