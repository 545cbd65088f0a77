"""What a provider has to offer to be asked: the seam between the analyst and the providers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from andon.explain.providers.failures import Place, hidden, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_ai.models import Model


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a model can do. Ours to obey: the flags of the library's profiles describe and do not prevent.

    ``output`` is how a finding is asked for: ``native`` constrains the answer by a JSON schema, ``tool`` makes the
    finding the arguments of a tool call, ``prompted`` only asks for JSON in words. ``sees_schema`` says that the
    provider shows a native schema to the model by itself, ``strict`` that it binds the answer only to a schema of the
    narrower kind OpenAI calls so. ``context`` is the window in tokens, None where unknown.
    ``temperature`` says that the model takes one (reasoning models refuse it), ``effort`` how much it is told to think,
    None for its own default.
    """

    output: Literal["native", "tool", "prompted"] = "native"
    sees_schema: bool = False
    strict: bool = False
    tools: bool = False
    images: bool = False
    context: int | None = None
    temperature: bool = True
    effort: Literal["minimal", "low", "medium", "high"] | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the site says of its model against what is known of it; ``auto`` leaves that in force."""

    output: Literal["auto", "native", "tool", "prompted"] = "auto"
    images: Literal["auto", "yes", "no"] = "auto"
    tools: Literal["auto", "yes", "no"] = "auto"

    def over(self, known: Capabilities) -> Capabilities:
        """``known`` with the site's own words put first."""
        return replace(
            known,
            output=known.output if self.output == "auto" else self.output,
            images=known.images if self.images == "auto" else self.images == "yes",
            tools=known.tools if self.tools == "auto" else self.tools == "yes",
        )


def imported(build: Callable[[], Model], backend: Backend) -> Model:
    """What ``build`` makes; blocks. Raises ModelMisconfigured where a library that is installed cannot be imported."""
    try:
        return build()
    except ImportError as error:
        raise refused(
            f"The library behind PROVIDER={backend.provider} cannot be imported ({hidden(str(error), backend.place)}): "
            "install Andon again, with its extras."
        ) from error


class Backend(Protocol):
    """One provider: builds the model, and knows how to ask whether it is there."""

    @property
    def provider(self) -> str:
        """The name as in ``PROVIDER``."""
        ...

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    @property
    def place(self) -> Place:
        """What messages call it."""
        ...

    def build(self) -> Model:
        """The pydantic-ai model; blocks while it imports, so it is called in a thread.

        Raises ConfigError where an optional extra is not installed, naming the command that installs it.
        """
        ...

    def start(self) -> None:
        """Begin what takes long before the first answer; called once, on the loop, after ``build``."""
        ...

    async def capabilities(self) -> Capabilities:
        """What the model can do, asked of the provider once where only it knows. Never raises: what cannot be
        asked now is taken for absent, and asked again next time."""
        ...

    async def check(self) -> None:
        """Raises the ModelError a question would meet."""
        ...

    async def ready(self) -> bool:
        """Whether an answer would start at once (False: the model must be loaded first). Raises ModelError."""
        ...

    def answered(self) -> None:
        """The model has just answered."""
        ...

    async def close(self) -> None:
        """Close connections; idempotent."""
        ...
