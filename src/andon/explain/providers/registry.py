"""Which provider answers: from the names in the settings to the backends that are asked.

Importing this module is cheap: a provider's file is imported when it is named, its library when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint

from andon.core.errors import ConfigError
from andon.core.redact import clean
from andon.core.settings.providers import GROUP, Member, outside_providers
from andon.core.settings.settings import Settings
from andon.explain.providers.backend import Access, Backend

_HERE = "andon.explain.providers"
#: Where each provider of :data:`andon.core.settings.providers.PROVIDERS` is; PLAYBOOK needs none.
BUILT_IN = {
    "OLLAMA": f"{_HERE}.ollama:OllamaBackend",
    "OPENAI_COMPATIBLE": f"{_HERE}.openai:CompatibleBackend",
    "EMBEDDED": f"{_HERE}.llama_cpp.embedded:EmbeddedBackend",
    "OPEN_AI": f"{_HERE}.openai:OpenAIBackend",
    "AZURE": f"{_HERE}.azure:AzureBackend",
    "AZURE_AD": f"{_HERE}.azure:AzureBackend",
    "CLOUDFLARE_AZURE": f"{_HERE}.azure:CloudflareAzureBackend",
    "GEMINI": f"{_HERE}.gemini:GeminiBackend",
    "CLAUDE": f"{_HERE}.claude:ClaudeBackend",
    "DEEPSEEK": f"{_HERE}.openai:DeepSeekBackend",
}


def build_backends(settings: Settings, members: Sequence[Member] | None = None) -> list[Backend]:
    """What is asked, in this order: ``PROVIDER`` and its fallbacks unless told otherwise; PLAYBOOK ends the list.

    Raises as :func:`build_backend`, naming the setting where a fallback is at fault.
    """
    backends: list[Backend] = []
    for member in (settings.configured, *settings.fallback_members) if members is None else members:
        try:
            backend = build_backend(settings, member)
        except ConfigError as error:
            raise (ConfigError(f"ANDON_FALLBACK: {error}") if backends else error) from None
        if backend is None:
            break
        backends.append(backend)
    return backends


def build_backend(settings: Settings, member: Member | None = None) -> Backend | None:
    """The backend for ``member``, for ``PROVIDER`` unless given; None for PLAYBOOK, which needs no model.

    Raises ConfigError where a setting or an optional library that it needs is missing, an address is wrong, or a
    provider from outside is broken. Nothing is connected yet, and no provider's library is imported.
    """
    access = Access(settings, member or settings.configured)
    if access.provider == "PLAYBOOK":
        return None
    if (where := BUILT_IN.get(access.provider)) is None:
        return _from_outside(access)
    build: Callable[[Access], Backend] = EntryPoint(access.provider, where, GROUP).load()
    return build(access)


def _from_outside(access: Access) -> Backend:
    """The backend of an installed package, made as the built-in ones are."""
    entries = outside_providers()[access.provider]
    packages = [f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value for entry in entries]
    if len(entries) > 1:
        raise ConfigError(f"PROVIDER={access.provider} comes from {' and '.join(packages)}: uninstall all but one.")
    try:
        backend = entries[0].load()(access)
    except ConfigError:  # it says itself what is missing
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise _broken(access, packages[0], f"{type(error).__name__}: {error}") from error
    if not isinstance(backend, Backend):
        raise _broken(access, packages[0], f"it makes a {type(backend).__name__}, which is not a Backend")
    return backend


def _broken(access: Access, package: str, reason: str) -> ConfigError:
    shown = reason.replace(access.api_key, "[redacted]") if access.api_key else reason
    return ConfigError(
        f"PROVIDER={access.provider} comes from the package {package}, which cannot be used "
        f"({clean(' '.join(shown.split()), 200)}): update or correct that package, or choose another provider."
    )
