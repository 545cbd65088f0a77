"""Which provider answers: the names people type, and the analyst each of them means.

Importing this module is cheap: a provider's library is imported by :meth:`ModelAnalyst.warm_up`, in a thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from andon.agent.analyst import ModelAnalyst
from andon.agent.backend import Backend
from andon.agent.ollama import DEFAULT_MODEL, OllamaBackend
from andon.agent.prompts import DEFAULT_AGENT_NAME, DEFAULT_BUDGET, DEFAULT_INSTRUCTIONS
from andon.errors import ConfigError

#: The names of ``PROVIDER``, in the order they are listed to users.
PROVIDERS: tuple[str, ...] = (
    "OLLAMA",
    "PLAYBOOK",
    "OPENAI_COMPATIBLE",
    "EMBEDDED",
    "OPEN_AI",
    "AZURE",
    "AZURE_AD",
    "CLOUDFLARE_AZURE",
    "GEMINI",
    "CLAUDE",
    "DEEPSEEK",
)
#: Those this version can use.
AVAILABLE: tuple[str, ...] = ("OLLAMA", "PLAYBOOK")

_ALIASES = {
    "OPENAI": "OPEN_AI",
    "GPT": "OPEN_AI",
    "CHATGPT": "OPEN_AI",
    "AZURE_OPENAI": "AZURE",
    "AZURE_OPEN_AI": "AZURE",
    "AZUREAD": "AZURE_AD",
    "ENTRA": "AZURE_AD",
    "CLOUDFLARE": "CLOUDFLARE_AZURE",
    "GOOGLE": "GEMINI",
    "ANTHROPIC": "CLAUDE",
    "DEEP_SEEK": "DEEPSEEK",
    "COMPATIBLE": "OPENAI_COMPATIBLE",
    "OPEN_AI_COMPATIBLE": "OPENAI_COMPATIBLE",
    "NONE": "PLAYBOOK",
    "OFF": "PLAYBOOK",
    "RULES": "PLAYBOOK",
}


@dataclass(frozen=True, kw_only=True)
class ProviderConfig:
    """What an analyst is built from. Times in seconds; budgets in tokens.

    ``model`` and ``base_url`` may be empty: the provider's own defaults then. ``base_url`` takes every form of
    ``OLLAMA_HOST``. ``max_output_tokens`` counts a reasoning model's thoughts too; with ``prompt_budget`` it
    must stay within the model's context (4,096 tokens for Ollama's default). ``pool`` is how many calls may
    run at once.
    """

    provider: str = "OLLAMA"
    model: str = ""
    api_key: str | None = None
    base_url: str | None = None
    agent_name: str = DEFAULT_AGENT_NAME
    instructions: str = DEFAULT_INSTRUCTIONS
    deadline: float = 120.0
    cold_start_deadline: float = 300.0
    max_output_tokens: int = 1_500
    prompt_budget: int = DEFAULT_BUDGET
    pool: int = 16

    def __repr__(self) -> str:
        key = "'[redacted]'" if self.api_key else "None"
        return f"ProviderConfig(provider={self.provider!r}, model={self.model!r}, api_key={key})"


def provider_name(text: str) -> str:
    """The provider that ``text`` means, whatever its case and separators. Raises ConfigError on an unknown one."""
    word = re.sub(r"[\s.-]+", "_", text.strip().strip("\"'").upper())
    word = _ALIASES.get(word, word) or "OLLAMA"
    if word not in PROVIDERS:
        raise ConfigError(f"PROVIDER is {text!r}, which is none of: {', '.join(PROVIDERS)}.")
    return word


def build_backend(config: ProviderConfig) -> Backend | None:
    """The backend for ``config``; None for PLAYBOOK, which needs no model.

    Raises ConfigError on an unknown provider, one that this version cannot use, or a wrong address or number.
    Nothing is imported or connected yet.
    """
    name = provider_name(config.provider)
    if name == "PLAYBOOK":
        return None
    if name not in AVAILABLE:
        raise ConfigError(f"PROVIDER={name} is not in this version yet: set PROVIDER to one of {', '.join(AVAILABLE)}.")
    for setting in ("deadline", "cold_start_deadline", "max_output_tokens", "prompt_budget", "pool"):
        if not getattr(config, setting) > 0:
            raise ConfigError(f"The model's {setting} is {getattr(config, setting)}: it must be above zero.")
    return OllamaBackend(
        model=config.model.strip() or DEFAULT_MODEL,
        base_url=config.base_url,
        api_key=config.api_key,
        timeout=max(config.deadline, config.cold_start_deadline),
        # one more than the calls, so that a check never waits for a free connection
        pool=config.pool + 1,
    )


def build_analyst(config: ProviderConfig) -> ModelAnalyst | None:
    """The analyst for ``config``; None for PLAYBOOK, which needs no model. Raises as :func:`build_backend`."""
    backend = build_backend(config)
    if backend is None:
        return None
    return ModelAnalyst(
        backend,
        agent_name=config.agent_name.strip() or DEFAULT_AGENT_NAME,
        instructions=config.instructions.strip() or DEFAULT_INSTRUCTIONS,
        deadline=config.deadline,
        cold_start_deadline=config.cold_start_deadline,
        max_output_tokens=config.max_output_tokens,
        prompt_budget=config.prompt_budget,
    )
