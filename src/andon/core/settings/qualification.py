"""How far a model's answers are trusted: a part of :class:`andon.core.settings.settings.Settings`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class TrustSettings(BaseModel, defer_build=True):
    """What a model must prove before its answers go before the built-in rules."""

    model_trust: Literal["measured", "always", "advisory"] = Field(
        "measured",
        description="How far a model's answers are trusted. `measured`: it answers labelled cases in the background, "
        "and replaces the playbook's answers once it has proved better; until then its answers stand below them. "
        "`always`: it goes before the playbook without being measured. `advisory`: it never does, and is not measured. "
        "One of `measured`, `always`, `advisory`.",
    )
    model_least_gain: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the cases where the playbook is wrong that a model must get right to be qualified: with "
        "less it mends too little to be worth its own mistakes.",
    )
    model_least_kept: float = Field(
        0.75,
        ge=0,
        le=1,
        description="Share of the cases where the playbook is right that a model must get right too to be qualified: "
        "with less it spoils more than it mends.",
    )
    model_unfit_below: float = Field(
        0.3,
        ge=0,
        le=1,
        description="A model that surely gets a smaller share than this of the cases where the playbook is wrong right "
        "is unfit: it is asked only where nothing else is known.",
    )
