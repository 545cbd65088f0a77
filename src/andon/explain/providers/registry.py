"""Which provider answers: from what is configured to the analyst that is asked.

Importing this module is cheap: a provider's library is imported by :meth:`ModelAnalyst.warm_up`, in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from andon.core.errors import ConfigError
from andon.core.models import Question
from andon.core.settings.agent import DEFAULT_AGENT_NAME, DEFAULT_INSTRUCTIONS
from andon.core.settings.provider_names import DEFAULT_MODELS, PROVIDERS, provider_name
from andon.explain.interfaces import Analyst
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.model.fallback import FallbackAnalyst
from andon.explain.model.history_tools import HistoryTools
from andon.explain.model.prompts import DEFAULT_BUDGET
from andon.explain.providers.backend import Backend, Choices
from andon.explain.providers.hosted import Access
from andon.explain.providers.ollama import OllamaBackend

__all__ = ["PROVIDERS", "ProviderConfig", "build_analyst", "build_backend", "provider_name"]


@dataclass(frozen=True, kw_only=True)
class ProviderConfig:
    """What an analyst is built from. Times in seconds; budgets in tokens. Its repr shows no secret.

    ``model`` and the addresses may be empty: the provider's own defaults then. ``base_url`` takes every form of
    ``OLLAMA_HOST`` for OLLAMA, else it is an API's address. ``max_output_tokens`` counts a reasoning model's thoughts
    too; with ``prompt_budget`` it must stay within the model's context (4,096 tokens for Ollama's default). ``pool``
    is how many calls may run at once. ``key_setting``, ``address_setting`` and ``model_setting`` are what messages call
    them. ``fallbacks`` are asked in their order where the provider before is away; PLAYBOOK among them ends the list.
    """

    provider: str = "OLLAMA"
    model: str = ""
    api_key: str | None = field(default=None, repr=False)
    key_setting: str = "API_KEY"
    base_url: str | None = None
    address_setting: str = "ANDON_BASE_URL"
    model_setting: str = "MODEL"
    azure_endpoint: str = ""
    azure_api_version: str = "2024-10-21"
    azure_ad_token: str = field(default="", repr=False)
    azure_resource: str = ""
    cloudflare_account: str = ""
    cloudflare_gateway: str = ""
    cloudflare_token: str = field(default="", repr=False)
    gguf: Path | None = None
    mmproj: Path | None = None
    threads: int | None = None
    context: int = 8192
    parallel: int = 1
    choices: Choices = field(default_factory=Choices)
    agent_name: str = DEFAULT_AGENT_NAME
    instructions: str = field(default=DEFAULT_INSTRUCTIONS, repr=False)
    deadline: float = 120.0
    cold_start_deadline: float = 300.0
    max_output_tokens: int = 1_500
    prompt_budget: int = DEFAULT_BUDGET
    pool: int = 16
    fallbacks: tuple[ProviderConfig, ...] = ()


def build_backend(config: ProviderConfig) -> Backend | None:
    """The backend for ``config``; None for PLAYBOOK, which needs no model.

    Raises ConfigError on an unknown provider, a setting or an optional library that it needs and that is missing, or
    a wrong address or number. Nothing is imported or connected yet.
    """
    name = provider_name(config.provider)
    if name == "PLAYBOOK":
        return None
    for setting in ("deadline", "cold_start_deadline", "max_output_tokens", "prompt_budget", "pool"):
        if not getattr(config, setting) > 0:
            raise ConfigError(f"The model's {setting} is {getattr(config, setting)}: it must be above zero.")
    model = config.model.strip() or DEFAULT_MODELS.get(name, "")
    # one connection more than the calls, so that a check never waits for a free one
    timeout, pool = max(config.deadline, config.cold_start_deadline), config.pool + 1
    if name == "OLLAMA":
        return OllamaBackend(
            model=model,
            base_url=config.base_url,
            api_key=config.api_key,
            timeout=timeout,
            pool=pool,
            choices=config.choices,
        )
    if name == "EMBEDDED":
        from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend

        return EmbeddedBackend(
            gguf=config.gguf,
            mmproj=config.mmproj,
            threads=config.threads,
            context=config.context,
            parallel=config.parallel,
            timeout=timeout,
            pool=pool,
            model=model,
            choices=config.choices,
        )
    access = Access(
        model=model,
        base_url=config.base_url or "",
        api_key=config.api_key or "",
        timeout=timeout,
        pool=pool,
        choices=config.choices,
        key_setting=config.key_setting,
        address_setting=config.address_setting,
        model_setting=config.model_setting,
    )
    if name in ("AZURE", "AZURE_AD", "CLOUDFLARE_AZURE"):
        return _azure(name, config, access)
    return _with_key(name, access)


def _azure(name: str, config: ProviderConfig, access: Access) -> Backend:
    from andon.explain.providers.azure import AzureBackend, CloudflareAzureBackend

    if name == "CLOUDFLARE_AZURE":
        return CloudflareAzureBackend(
            access,
            resource=config.azure_resource,
            account=config.cloudflare_account,
            gateway=config.cloudflare_gateway,
            token=config.cloudflare_token,
            api_version=config.azure_api_version,
        )
    return AzureBackend(
        name,
        access,
        endpoint=config.azure_endpoint,
        api_version=config.azure_api_version,
        ad_token=config.azure_ad_token,
    )


def _with_key(name: str, access: Access) -> Backend:
    """The providers that take an address, a model and a key, and nothing else."""
    from andon.explain.providers.claude import ClaudeBackend
    from andon.explain.providers.gemini import GeminiBackend
    from andon.explain.providers.openai import CompatibleBackend, DeepSeekBackend, OpenAIBackend

    kinds: dict[str, Callable[[Access], Backend]] = {
        "OPEN_AI": OpenAIBackend,
        "DEEPSEEK": DeepSeekBackend,
        "OPENAI_COMPATIBLE": CompatibleBackend,
        "CLAUDE": ClaudeBackend,
        "GEMINI": GeminiBackend,
    }
    return kinds[name](access)


def build_analyst(config: ProviderConfig, look: Callable[[Question], HistoryTools] | None = None) -> Analyst | None:
    """The analyst for ``config`` with its fallbacks; None for PLAYBOOK, which needs no model.

    ``look`` makes the tools with which a model may look into the history while it explains a problem.
    Raises as :func:`build_backend`, naming the setting where a fallback is at fault.
    """
    first = _analyst(config, look)
    if first is None:
        return None
    others: list[ModelAnalyst] = []
    for member in config.fallbacks:
        try:
            analyst = _analyst(member, look)
        except ConfigError as error:
            raise ConfigError(f"ANDON_FALLBACK: {error}") from None
        if analyst is None:
            break
        others.append(analyst)
    return FallbackAnalyst([first, *others]) if others else first


def _analyst(config: ProviderConfig, look: Callable[[Question], HistoryTools] | None) -> ModelAnalyst | None:
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
        look=look,
    )
