"""MCP servers: reading tools for models and people who ask, writing ones as calls that a person approved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Reader, Setup, unable
from andon.act.connectors.mcp_session import Conversation, Tool, Way
from andon.act.outgoing_values import read_object
from andon.core import extras
from andon.core.errors import ActionError, ActionRefused
from andon.core.models.actions import Call, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.redact import clean
from andon.core.settings.connectors.mcp_servers_settings import McpTable
from andon.core.settings.connectors.target import Secret

#: Tools that are shown to a model; characters of the description of one, and of what a call takes.
SHOWN, DESCRIBED, ARGUMENTS_MAX = 40, 200, 20_000
_WORDS_MAX = 500


class McpConnector(Connector):
    """One MCP server. Nothing is open, and no program runs, while nobody asks it anything."""

    kind: ClassVar[str] = "mcp_servers"
    needs: ClassVar[Mapping[Operation, str]] = {Operation.CALL: "write_tools"}

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        extras.require("mcp", f"[[mcp_servers]] {self.name}")
        table = setup.named.table
        if not isinstance(table, McpTable):
            raise TypeError(f"{table!r} is not an [[mcp_servers]] table")
        self._table = table
        self._way = Way(
            name=self.name,
            timeout=table.timeout,
            url=table.url,
            token=Secret(table.token, table.token_file, what=f"[[mcp_servers]] {self.name}: token"),
            command=tuple(table.command),
            environment={name: value.get_secret_value() for name, value in table.environment.items()},
        )

    @property
    def address(self) -> str:
        """Its url, or the program that is started."""
        return self._way.url or f"program:{self._way.command[0]}"

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """A call of a listed tool: nobody can look up whether one was made, so a person says."""
        return {Operation.CALL: Ability(Again.LOOK)} if self._table.write_tools else {}

    def render(self, order: Order) -> Rendered:
        """The call as the protocol has it. Raises ActionRefused for any tool that the settings do not list."""
        wanted = order.arguments
        if not isinstance(wanted, Call) or not self._table.write_tools:
            raise unable(self, order.operation)
        self._demand_listed(wanted.tool)
        params = {"name": wanted.tool, "arguments": wanted.arguments, "_meta": {"andon/key": order.key}}
        body = json.dumps({"method": "tools/call", "params": params}, ensure_ascii=False, indent=2)
        if len(body.encode()) > ARGUMENTS_MAX:
            raise ActionRefused(f"{self.name}: a call has at most {ARGUMENTS_MAX:,} bytes: shorten its arguments")
        return Rendered((OutgoingRequest("POST", self.address, body),))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Make the call. A tool that says it failed is ActionRefused in its words."""
        (request,) = rendered.requests
        if request.url != self.address:
            raise ActionRefused(
                f"{self.name}: this goes to {request.url}, which is not the configured address {self.address}: decline "
                "it and propose it again"
            )
        params: dict[str, Any] = json.loads(request.body)["params"]
        self._demand_listed(params["name"])
        said = await self._conversation().call(
            params["name"], params["arguments"], order.key, may=self._is_listed, reads=False
        )
        words = clean(" ".join(said.text.split()), _WORDS_MAX)
        if said.failed:
            raise ActionRefused(
                f"{self.name}, tool {params['name']}: {words or 'it failed and does not say why'}; its answer says "
                "what it does not accept: correct that, then propose the call again"
            )
        return Receipt(words=words)

    async def check(self) -> Sequence[Checked]:
        """Whether it answers, and has the tools that the settings name."""
        try:
            tools = {one.name: one for one in await self._conversation().tools()}
        except ActionError as error:
            return [Checked(False, str(error), "check that it is running, and correct its table")]
        readable = [one for one in tools.values() if self._is_readable(one)]
        found = [Checked(True, f"answers at {self.address}; {len(readable)} of {len(tools)} tools are for look-ups")]
        for name in (*self._table.read_tools, *self._table.write_tools):
            if name not in tools:
                listed = ", ".join(sorted(tools)[:20]) or "none"
                found.append(
                    Checked(False, f"it has no tool {name}; it has: {listed}", "correct the name in its table")
                )
        found += [
            Checked(None, f"{one} is listed in read_tools, but the server does not say that it only reads")
            for one in self._table.read_tools
            if one in tools and not tools[one].reads
        ]
        return found

    def readers(self) -> Sequence[Reader]:
        """One reader, which lists the reading tools and calls them: what the server says of them is no description."""
        named = f": {', '.join(self._table.read_tools)}" if self._table.read_tools else ""
        return [
            Reader(
                f"{self.name}_look",
                self.look,
                f"Look something up with the tools of {self.name}, read only{named}. Without a tool it lists them.",
            )
        ]

    async def look(
        self,
        tool: Annotated[str, Field(max_length=128, description="The tool; empty lists the tools.")] = "",
        arguments: Annotated[str, Field(max_length=4_000, description="Its arguments as a JSON object.")] = "{}",
    ) -> str:
        """What a reading tool answers, or which there are. Raises ActionRefused and TargetAway."""
        if not tool.strip():
            tools = [one for one in await self._conversation().tools() if self._is_readable(one)]
            lines = [_described(one) for one in tools[:SHOWN]]
            return "\n".join(lines) or f"{self.name} has no read-only tool."
        try:
            given = read_object(arguments)
        except ActionRefused as error:
            raise ActionRefused(f"{self.name}: {error}") from None
        said = await self._conversation().call(tool, given, may=self._is_readable, reads=True)
        if said.failed:
            raise ActionRefused(f"{self.name}, tool {tool}: {clean(' '.join(said.text.split()), _WORDS_MAX)}")
        return said.text

    def _is_listed(self, tool: Tool) -> bool:
        return tool.name in self._table.write_tools

    def _demand_listed(self, tool: str) -> None:
        if tool not in self._table.write_tools:
            listed = ", ".join(self._table.write_tools)
            raise ActionRefused(f"{self.name} may not call {tool!r:.80}; write_tools in its table allows: {listed}")

    def _is_readable(self, tool: Tool) -> bool:
        if tool.name in self._table.write_tools:
            return False
        return tool.name in self._table.read_tools if self._table.read_tools else tool.reads

    def _conversation(self) -> Conversation:
        return Conversation(self._way)


def _described(tool: Tool) -> str:
    """One line: name, what it does, and its arguments with their types."""
    properties = tool.schema.get("properties")
    needed = tool.schema.get("required") or ()
    arguments = [
        f"{name}{'' if name in needed else '?'}: {_type(schema)}"
        for name, schema in (properties.items() if isinstance(properties, dict) else ())
    ]
    return f"{tool.name}({', '.join(arguments)}): {clean(' '.join(tool.description.split()), DESCRIBED)}"


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any"
    if isinstance(choices := schema.get("enum"), list):
        return "|".join(str(one)[:40] for one in choices[:12])
    return str(schema.get("type", "any"))[:60]
