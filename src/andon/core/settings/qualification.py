"""How far a model's answers are trusted: a part of :class:`andon.core.settings.settings.Settings`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class TrustSettings(BaseModel, defer_build=True):
    """What a model must prove before its answers go before the built-in rules."""

    model_trust: Literal["measured", "always", "advisory"] = Field(
        "measured",
        description="How far the model's answers are trusted. `measured`: the model answers labelled cases in the "
        "background and replaces the playbook's answers once it has proved better; until then its answers "
        "are shown below them. `always`: the model's answer comes first, without a measurement. "
        "`advisory`: the playbook's answer always comes first, without a measurement. "
        "One of `measured`, `always`, `advisory`.",
    )
    model_least_gain: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the cases the playbook gets wrong that a model must get right to qualify: below this it "
        "corrects too little to make up for its own mistakes.",
    )
    model_least_kept: float = Field(
        0.75,
        ge=0,
        le=1,
        description="Share of the cases the playbook gets right that a model must also get right to qualify: below "
        "this it does more harm than good.",
    )
    model_unfit_below: float = Field(
        0.3,
        ge=0,
        le=1,
        description="A model that clearly gets a smaller share than this of the playbook's wrong cases right is unfit: "
        "it is asked only if nothing else is known.",
    )
