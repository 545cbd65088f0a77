"""Real providers, for whoever has a key: one finding and one check each, some hundredths of a cent together.

Each test runs where its variable is set, and is skipped otherwise: ``ANDON_LIVE_OPENAI_KEY``, ``ANDON_LIVE_CLAUDE_KEY``,
``ANDON_LIVE_GEMINI_KEY``, ``ANDON_LIVE_DEEPSEEK_KEY``; ``ANDON_LIVE_AZURE_KEY`` with ``ANDON_LIVE_AZURE_ENDPOINT`` and
``ANDON_LIVE_AZURE_DEPLOYMENT``; ``ANDON_LIVE_OLLAMA_HOST`` and ``ANDON_LIVE_COMPATIBLE_URL`` with ``…_MODEL``.
``ANDON_LIVE_<NAME>_MODEL`` chooses another model than the default.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from andon.core.settings.providers import PROVIDERS
from andon.core.settings.settings import Settings
from andon.explain.finding import Finding
from support.providers.asking import ask, checking, using
from support.questions import question
from support.settings import settings_of

#: Provider, and the variable that holds its key or address.
WHICH = {
    "OPEN_AI": "ANDON_LIVE_OPENAI_KEY",
    "CLAUDE": "ANDON_LIVE_CLAUDE_KEY",
    "GEMINI": "ANDON_LIVE_GEMINI_KEY",
    "DEEPSEEK": "ANDON_LIVE_DEEPSEEK_KEY",
    "AZURE": "ANDON_LIVE_AZURE_KEY",
    "OLLAMA": "ANDON_LIVE_OLLAMA_HOST",
    "OPENAI_COMPATIBLE": "ANDON_LIVE_COMPATIBLE_URL",
}
SET = [name for name, variable in WHICH.items() if os.environ.get(variable)]

pytestmark = [
    pytest.mark.skipif(not SET, reason="no ANDON_LIVE_… variable names a real provider"),
    pytest.mark.timeout(300),
]


def config_of(provider: str) -> Settings:
    """The config that the variables describe."""
    variable = WHICH[provider]
    value, stem = os.environ[variable], variable.rpartition("_")[0]
    settings: dict[str, Any] = {"api_key": value}
    if provider in ("OLLAMA", "OPENAI_COMPATIBLE"):
        settings = {
            "ollama_host" if provider == "OLLAMA" else "base_url": value,
            "api_key": os.environ.get(f"{stem}_KEY", ""),
        }
    if provider == "AZURE":
        settings["azure_endpoint"] = os.environ[f"{stem}_ENDPOINT"]
    model = os.environ.get(f"{stem}_MODEL") or os.environ.get(f"{stem}_DEPLOYMENT") or PROVIDERS[provider].model
    return settings_of(provider=provider, model=model, model_max_tokens=4096, **settings)


@pytest.mark.parametrize("provider", SET or ["none"])
def test_a_real_provider_gives_a_finding(provider: str) -> None:
    """It has the model, and its answer is a finding that cites the log it was shown."""
    config = config_of(provider)
    using(config, checking)
    explanation = ask(config, question())
    assert explanation.finding is not None, explanation.text
    finding = Finding.model_validate(explanation.finding)
    assert finding.category in ("drive", "motion", "mechanical", "electrical")
    assert finding.evidence in ([], [1])
    assert explanation.output_tokens
