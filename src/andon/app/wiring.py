"""Makes adapters as the settings say: one function each, for the service and for commands that use the same part."""

from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

from andon.bus.connection import masked
from andon.bus.embedded.broker import EmbeddedBroker
from andon.core.settings.providers import key_field
from andon.core.settings.settings import Settings, environment_name
from andon.explain.admission import Budget, Gate, Limits
from andon.explain.providers.backend import Choices
from andon.explain.providers.registry import ProviderConfig
from andon.grouping.codes import CodeRules
from andon.ingest.pictures.intake import PictureLimits
from andon.store import AnalysisPolicy, Rule, Store

#: Questions at once that a provider in the cloud gets from the start.
CLOUD_FIRST = 4


def site_codes(settings: Settings) -> CodeRules:
    """What keeps two problems apart at this site. Raises ConfigError where an expression is wrong."""
    return CodeRules(settings.code_patterns, settings.code_fields)


def picture_limits(settings: Settings) -> PictureLimits:
    """Which pictures of logs are kept."""
    return PictureLimits(max_bytes=settings.picture_max_bytes)


def embedded_broker(settings: Settings) -> EmbeddedBroker:
    """The broker as configured, not started."""
    return EmbeddedBroker(
        settings.data_dir / "jetstream",
        settings.data_dir / "run",
        host=settings.nats_host,
        port=settings.nats_port,
        credentials=settings.broker_credentials,
        strict=settings.durability == "strict",
        max_payload=settings.nats_max_payload,
        max_store_bytes=settings.nats_max_store,
        binary=settings.nats_server,
    )


def broker_url(settings: Settings, broker: EmbeddedBroker | None) -> str:
    """Where to connect: the embedded broker's actual port, or the configured address."""
    return settings.broker_url if broker is None else settings.broker_url_at(urlsplit(broker.url).port or 4222)


def public(settings: Settings, broker: EmbeddedBroker | None = None) -> str:
    """The broker's address without credentials, with the port that ``broker`` took."""
    return masked(broker_url(settings, broker))


def provider_config(settings: Settings) -> ProviderConfig:
    """What the agent needs of the settings, fallbacks included."""
    first = _member_config(settings, settings.provider, settings.model)
    others = tuple(
        dataclasses.replace(_member_config(settings, *member), model_setting=f"ANDON_FALLBACK={member.provider}:model")
        for member in settings.fallback_members
    )
    return dataclasses.replace(first, fallbacks=others)


def _member_config(settings: Settings, provider: str, model: str) -> ProviderConfig:
    base_url, address_setting = settings.address_of(provider)
    return ProviderConfig(
        provider=provider,
        model=settings.model_of(provider, model),
        api_key=settings.key_of(provider),
        key_setting="API_KEY" if provider == settings.provider else environment_name(key_field(provider)),
        base_url=base_url,
        address_setting=address_setting,
        azure_endpoint=settings.azure_endpoint,
        azure_api_version=settings.azure_api_version,
        azure_ad_token=settings.azure_ad_token.get_secret_value().strip(),
        azure_resource=settings.azure_resource,
        cloudflare_account=settings.cloudflare_account,
        cloudflare_gateway=settings.cloudflare_gateway,
        cloudflare_token=settings.cloudflare_token.get_secret_value().strip(),
        gguf=settings.gguf,
        mmproj=settings.mmproj,
        threads=settings.gguf_threads,
        context=settings.gguf_context,
        parallel=settings.gguf_parallel,
        choices=Choices(output=settings.model_output, images=settings.model_images, tools=settings.model_tools),
        agent_name=settings.agent_name,
        instructions=settings.agent_instructions,
        deadline=settings.model_deadline,
        cold_start_deadline=settings.model_cold_deadline,
        max_output_tokens=settings.model_max_tokens,
        prompt_budget=settings.model_prompt_tokens,
        pool=settings.model_concurrency,
    )


def analysis_policy(settings: Settings) -> AnalysisPolicy:
    """What is explained and when it is renewed, as configured."""
    default = Rule(settings.analyze, settings.analyze_severity)
    services = tuple(
        (glob, Rule(one.analyze or default.analyze, one.severity or default.severity, one.criticality))
        for glob, one in settings.services.items()
    )
    return AnalysisPolicy(
        default, services, renew_after=settings.renew_after * 86_400, renew_interval=settings.renew_interval * 3600
    )


def budget_limits(settings: Settings) -> Limits:
    """Most calls and tokens of the model, for the service and for commands that ask it."""
    return Limits(
        calls_hour=settings.budget_calls_hour,
        calls_day=settings.budget_calls_day,
        tokens_hour=settings.budget_tokens_hour,
        tokens_day=settings.budget_tokens_day,
    )


def model_gate(settings: Settings, store: Store) -> Gate:
    """How many questions the model gets at once, and how many at all. A model on this site's box starts with one."""
    most = settings.gguf_parallel if settings.provider == "EMBEDDED" else settings.model_concurrency
    budget = Budget(store.read, store.write, budget_limits(settings))
    return Gate(budget, first=1 if settings.local_model else CLOUD_FIRST, most=most)
