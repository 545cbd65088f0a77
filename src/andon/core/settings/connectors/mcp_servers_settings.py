"""Tools of MCP servers (extra `mcp`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator

from andon.core.settings.connectors.target import Target, base_url

ToolName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_./-]+$")]


class McpTable(Target):
    """A table ``[[mcp_servers]]`` in ``andon.toml``: a server at a ``url`` (streamable HTTP), or a ``command`` that
    is started for each look and speaks over its standard input and output.

    A model may look things up with ``read_tools``, or where they are empty with what the server itself says only
    reads. ``write_tools`` are called once a person approved the call; nothing else ever is.
    """

    url: str = Field("", max_length=500)
    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    command: list[str] = Field([], max_length=50)
    environment: dict[str, SecretStr] = Field({}, max_length=50)
    read_tools: list[ToolName] = Field([], max_length=100)
    write_tools: list[ToolName] = Field([], max_length=100)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return base_url(value) if value.strip() else ""

    @model_validator(mode="after")
    def _one_way(self) -> McpTable:
        if bool(self.url) == bool(self.command):
            raise ValueError("an MCP server has either a url or a command: set one of them")
        if self.command and (self.token.get_secret_value() or self.token_file):
            raise ValueError("a command takes no token: pass what it needs in environment")
        if self.url and self.environment:
            raise ValueError("environment applies to a command: for a server at a url, set a token")
        if both := sorted({*self.read_tools} & {*self.write_tools}):
            raise ValueError(
                f"{both[0]} is listed in read_tools and in write_tools: list a tool that writes in write_tools only"
            )
        return self
