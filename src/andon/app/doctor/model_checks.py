"""The model and its fallbacks."""

from __future__ import annotations

import asyncio
import time

from andon.core.errors import AndonError, ModelError, ModelMisconfigured
from andon.core.models import CheckResult
from andon.core.settings.providers import Member
from andon.core.settings.settings import Settings
from andon.core.threads import in_daemon_thread
from andon.explain.model.fallback import build_analyst
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from andon.explain.providers.ollama_models import OllamaAdmin, context_remedy
from andon.explain.providers.registry import build_backend

_MEANWHILE = "until then the playbook explains, provisionally"


async def model(settings: Settings) -> list[CheckResult]:
    """The configured provider, its fallbacks, and whether questions fit into their context."""
    embedded = settings.provider == "EMBEDDED"
    first = await (_model_file(settings) if embedded else _member("model", settings, settings.configured))
    return [first, *await _fallbacks(settings), *await _ollama_models(settings)]


async def _fallbacks(settings: Settings) -> list[CheckResult]:
    """The providers that are asked where the configured one is away, each by itself."""
    if settings.provider == "PLAYBOOK":
        return []
    return [await _member("fallback", settings, member) for member in settings.fallback_members]


async def _member(name: str, settings: Settings, member: Member) -> CheckResult:
    try:
        analyst = build_analyst(settings, members=[member])
    except AndonError as error:
        return CheckResult(name, False, str(error))
    if analyst is None:
        return CheckResult(name, True, "PLAYBOOK: built-in rules explain, no model is needed")
    try:
        await analyst.warm_up()  # what this machine takes to import a library is no time of the provider
        async with asyncio.timeout(10):
            await analyst.check()
    except ModelError as error:
        ok = False if isinstance(error, ModelMisconfigured) else None
        return CheckResult(name, ok, str(error), _MEANWHILE)
    except TimeoutError:
        return CheckResult(name, None, f"{analyst.provider} took longer than 10 s to answer")
    finally:
        await analyst.close()
    return CheckResult(name, True, f"{analyst.provider} answers; model {analyst.model}")


async def _model_file(settings: Settings) -> CheckResult:
    """Load the file of EMBEDDED in a process of its own, as the service would."""
    try:
        backend = build_backend(settings)
    except AndonError as error:
        return CheckResult("model", False, str(error))
    if not isinstance(backend, EmbeddedBackend):
        raise TypeError(f"{settings.provider} has no model file")
    started = time.monotonic()
    try:
        async with asyncio.timeout(settings.model_cold_deadline):
            await in_daemon_thread(backend.build, "provider-import")
            started = time.monotonic()
            facts = await backend.describe()
    except ModelError as error:
        return CheckResult("model", False, str(error), _MEANWHILE)
    except TimeoutError:
        remedy = "choose a smaller file, or raise ANDON_MODEL_COLD_DEADLINE"
        return CheckResult("model", False, f"{settings.gguf} was not loaded in time", remedy)
    finally:
        await backend.close()
    context, memory = int(facts["context"]), facts["memory"]
    taken = f", {memory / 2**20:,.0f} MiB of memory" if memory else ""
    sight = ", sees pictures" if facts["sees_pictures"] else ""
    loaded = f"EMBEDDED loads {settings.gguf} in {time.monotonic() - started:.1f} s"
    detail = f"{loaded}: context {context:,} tokens{taken}{sight}"
    if settings.mmproj is not None and not facts["sees_pictures"]:
        return CheckResult("model", None, f"{detail}, but sees no pictures", "correct ANDON_MMPROJ or leave it empty")
    if context < _tokens_needed(settings):
        trained = facts["trained_for"]
        remedy = (
            "lower ANDON_MODEL_PROMPT_TOKENS or ANDON_MODEL_MAX_TOKENS: the model takes no more"
            if trained and trained <= context
            else f"raise ANDON_GGUF_CONTEXT to {_tokens_needed(settings)}"
        )
        return CheckResult("model", None, f"{detail}; {_need(settings)}", remedy)
    return CheckResult("model", True, detail)


async def _ollama_models(settings: Settings) -> list[CheckResult]:
    """What Ollama does with the models that are asked of it and says nothing of: whether questions fit into their
    context, and whether they see a system message."""
    members = (settings.configured, *settings.fallback_members)
    models = [settings.model_of(provider, model) for provider, model in members if provider == "OLLAMA"]
    results = []
    for model in models:
        try:
            async with OllamaAdmin(host=settings.ollama_host, api_key=settings.key_of("OLLAMA"), model=model) as admin:
                details = await admin.show(model)
        except AndonError:  # the check of the model has said so already
            continue
        remedy = context_remedy(details, _tokens_needed(settings)) or ""
        detail = f"{model} works with {details.context:,} tokens ({details.context_from}); {_need(settings)}"
        results.append(CheckResult("context", None if remedy else True, detail, remedy))
        if not details.keeps_system:
            results.append(
                CheckResult(
                    "template",
                    None,
                    f"the template of {model} drops the system message, as that of a bare GGUF file does: everything "
                    "goes into one message, without the model's own marks for turns",
                    "create it again with its family's TEMPLATE in the Modelfile (docs/providers.md)",
                )
            )
    return results


def _tokens_needed(settings: Settings) -> int:
    return settings.model_prompt_tokens + settings.model_max_tokens


def _need(settings: Settings) -> str:
    return f"a question and its answer take up to {_tokens_needed(settings):,}"
