"""What a model can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
