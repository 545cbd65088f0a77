"""Palantir Foundry: files, streams, ontology actions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target, base_url

#: How Foundry identifies a resource: ri.SERVICE.INSTANCE.TYPE.LOCATOR.
RID = re.compile(r"ri\.[a-z][a-z0-9-]{0,40}\.[a-z0-9-]{0,40}\.[a-z][a-z0-9-]{0,40}\.[A-Za-z0-9._-]{1,80}\Z")
#: An API name of an ontology or of an action.
_API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z")

#: What a parameter of an action may hold of the problem that it is about.
FILLED = frozenset(
    {"problem_id", "title", "severity", "place", "host", "service", "count", "first_seen", "last_seen"}
    | {"summary", "cause", "checks", "fix", "link"}
)
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")

Rid = Annotated[str, Field(max_length=100)]


class FoundryAction(BaseModel, defer_build=True):
    """A table ``[[foundry.actions]]``: an action that may be applied, with the parameters that it is given.

    Texts may hold ``{title}``, ``{severity}``, ``{count}`` and so on of the problem that it is about.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    parameters: dict[str, Any] = Field({}, max_length=24)

    @field_validator("name")
    @classmethod
    def _api_name(cls, value: str) -> str:
        if not _API_NAME.match(value):
            raise ValueError(f"{value!r:.60} is not the API name of an action, such as create-work-order")
        return value

    @field_validator("parameters")
    @classmethod
    def _known_braces(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, one in value.items():
            if odd := sorted(set(_in_braces(one)) - FILLED):
                listed = ", ".join(sorted(FILLED))
                raise ValueError(
                    f"{name} contains {{{odd[0]}}}, which is not a field of a problem; the fields are: {listed}"
                )
        return value


def _in_braces(value: Any) -> list[str]:
    """What stands in braces in a parameter."""
    if isinstance(value, str):
        return PLACEHOLDER.findall(value)
    if isinstance(value, dict):
        return [name for one in value.values() for name in _in_braces(one)]
    return [name for one in value for name in _in_braces(one)] if isinstance(value, list) else []


class FoundryTable(Target):
    """A table ``[[foundry]]`` in ``andon.toml``.

    Files go into ``datasets`` and rows into ``streams`` (RIDs, the first unless one is named), on ``branch``; a file's
    path begins with ``folder``. ``token`` is a user's, ``client_id`` with ``client_secret`` an application's.
    """

    url: str
    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    client_id: str = Field("", max_length=100)
    client_secret: SecretStr = SecretStr("")
    client_secret_file: Path | None = None
    scopes: list[str] = Field([], max_length=20)
    datasets: list[Rid] = Field([], max_length=20)
    streams: list[Rid] = Field([], max_length=20)
    branch: str = Field("master", min_length=1, max_length=100)
    folder: str = Field("andon", max_length=60)
    ontology: str = ""
    actions: list[FoundryAction] = Field([], max_length=20)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        address = base_url(value)
        if address.endswith("/api"):
            raise ValueError("write the address of Foundry itself, without /api at its end")
        return address

    @field_validator("datasets", "streams")
    @classmethod
    def _rids(cls, value: list[str]) -> list[str]:
        for rid in value:
            if not RID.match(rid):
                raise ValueError(
                    f"{rid!r:.80} is not a RID such as ri.foundry.main.dataset.c26f11c8-…: copy it from "
                    "the details of the dataset or stream"
                )
        return value

    @field_validator("branch")
    @classmethod
    def _branch_name(cls, value: str) -> str:
        if RID.match(value) or value.strip() != value:
            raise ValueError(f"{value!r:.60} is not a branch name such as master")
        return value

    @field_validator("folder")
    @classmethod
    def _relative(cls, value: str) -> str:
        folder = value.strip().strip("/")
        if any(part in ("", ".", "..") for part in folder.split("/")) and folder:
            raise ValueError(f"{value!r:.60} is not a folder within a dataset such as andon or reports/andon")
        return folder

    @field_validator("ontology")
    @classmethod
    def _ontology_name(cls, value: str) -> str:
        if value and not (_API_NAME.match(value) or RID.match(value)):
            raise ValueError(f"{value!r:.80} is neither the API name nor the RID of an ontology")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> FoundryTable:
        if not (self.datasets or self.streams or self.actions):
            raise ValueError(
                "a [[foundry]] table needs datasets, streams or [[foundry.actions]]: add at least one of them"
            )
        if self.actions and not self.ontology:
            raise ValueError("[[foundry.actions]] belong to an ontology: set ontology to its name")
        if len({one.name for one in self.actions}) < len(self.actions):
            raise ValueError("two [[foundry.actions]] have the same name")
        return self
