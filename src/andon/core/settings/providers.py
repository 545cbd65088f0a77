"""The providers by name, and their settings: a part of :class:`andon.core.settings.settings.Settings`.

A provider is configured where the site says so and nowhere else: no key of another program's environment is picked
up for a provider that neither ``PROVIDER`` nor ``ANDON_FALLBACK`` names.
"""

from __future__ import annotations

import difflib
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, Field, SecretStr, field_validator

from andon.core.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Known(NamedTuple):
    """What the settings know of a provider that Andon comes with.

    ``model`` is asked where ``MODEL`` is empty; ``model_field`` is the setting that names one instead, or its file.
    ``key_field`` is the setting that holds its key where it is not ``PROVIDER`` or has no ``API_KEY``. ``local`` says
    that it runs on a box of the site as a rule. ``aliases`` are what else people write, in letters and digits alone.
    ``extra`` is the optional extra that it needs, and ``module`` what that extra is installed for.
    """

    model: str = ""
    model_field: str = ""
    key_field: str = ""
    local: bool = False
    aliases: tuple[str, ...] = ()
    extra: str = ""
    module: str = ""


#: The names of ``PROVIDER``, in the order they are listed to users. Azure has deployments, which only the site can
#: name; other OpenAI-compatible servers have whatever was loaded into them; EMBEDDED has its file.
PROVIDERS = {
    "OLLAMA": Known("deepseek-r1:1.5b", local=True, aliases=("",)),
    "PLAYBOOK": Known(aliases=("NONE", "OFF", "RULES")),
    "OPENAI_COMPATIBLE": Known(
        key_field="compatible_api_key",
        local=True,
        aliases=("COMPATIBLE", "VLLM", "LMSTUDIO", "LLAMACPP", "LLAMASERVER", "LOCALAI", "OPENROUTER", "LITELLM"),
    ),
    "EMBEDDED": Known(model_field="gguf", local=True, aliases=("GGUF",), extra="embedded", module="xllamacpp"),
    "OPEN_AI": Known("gpt-5.6-luna", key_field="openai_api_key", aliases=("GPT", "CHATGPT")),
    "AZURE": Known(model_field="azure_deployment", key_field="azure_openai_api_key", aliases=("AZUREOPENAI",)),
    "AZURE_AD": Known(
        model_field="azure_deployment",
        aliases=("ENTRA", "ENTRAID", "AZUREENTRA", "AZUREENTRAID", "AZUREOPENAIAD"),
        extra="azure-ad",
        module="azure.identity",
    ),
    "CLOUDFLARE_AZURE": Known(
        model_field="azure_deployment",
        key_field="azure_openai_api_key",
        aliases=("CLOUDFLARE", "AZURECLOUDFLARE", "CLOUDFLAREAZUREOPENAI"),
    ),
    "GEMINI": Known(
        "gemini-3.8-flash",
        key_field="gemini_api_key",
        aliases=("GOOGLE", "GOOGLEAI", "GOOGLEGEMINI"),
        extra="gemini",
        module="google.genai",
    ),
    "CLAUDE": Known(
        "claude-haiku-5-5",
        key_field="anthropic_api_key",
        aliases=("ANTHROPIC", "ANTHROPICCLAUDE"),
        extra="claude",
        module="anthropic",
    ),
    "DEEPSEEK": Known("deepseek-flash", key_field="deepseek_api_key", aliases=("DEEPSEEKAI",)),
}
#: The fields of the providers' keys.
KEY_FIELDS = frozenset(known.key_field for known in PROVIDERS.values() if known.key_field)
#: Installed packages offer further providers under this group of entry points.
GROUP = "andon.providers"

#: How alike an unknown name must be to a known one to be a slip of the pen.
_SLIP = 0.75
_NAMES = {word: name for name, known in PROVIDERS.items() for word in (name.replace("_", ""), *known.aliases)}
_LISTED = ", ".join(f"`{name}`" for name in PROVIDERS if name != "PLAYBOOK")


class Member(NamedTuple):
    """One provider that is asked: ``PROVIDER``, or an entry of ``ANDON_FALLBACK``; "" is its default model."""

    provider: str
    model: str


@functools.cache
def outside_providers() -> dict[str, tuple[EntryPoint, ...]]:
    """The providers that installed packages offer, by name as in ``PROVIDER``; nothing of them is imported."""
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=GROUP):
        name = re.sub(r"[\s.-]+", "_", entry.name.strip().upper())
        if name not in PROVIDERS:
            found[name] = (*found.get(name, ()), entry)
    return found


def provider_name(text: str, *, setting: str = "PROVIDER") -> str:
    """The provider that ``text`` means, whatever its case and separators; OLLAMA where it is empty.

    Installed packages are asked for further ones where it is none of Andon's own. Raises ConfigError on an unknown one.
    """
    word = re.sub(r"[\s\"'._-]+", "", text.upper())
    if word in _NAMES:
        return _NAMES[word]
    outside = outside_providers()
    names = {name.replace("_", ""): name for name in outside} | _NAMES
    if word in names:
        return names[word]
    close = difflib.get_close_matches(word, names, 1, _SLIP)
    meant = f"did you mean {names[close[0]]}? " if close else ""
    listed = ", ".join((*PROVIDERS, *sorted(outside)))
    raise ConfigError(f"{setting} is {text!r}, which is not a provider; {meant}there are {listed}.")


def is_local(provider: str) -> bool:
    """Whether its models run on a box of the site as a rule, where answers cost time and no money."""
    return provider in PROVIDERS and PROVIDERS[provider].local


def fallback_members(text: str) -> tuple[Member, ...]:
    """``PROVIDER[:MODEL],…`` as it stands in ``ANDON_FALLBACK``; what comes after PLAYBOOK is never reached.

    Raises ConfigError on an unknown provider, or one that is named twice with the same model.

    >>> fallback_members("ollama:llama3.2:3b, playbook")
    (Member(provider='OLLAMA', model='llama3.2:3b'), Member(provider='PLAYBOOK', model=''))
    """
    members: list[Member] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, model = entry.partition(":")
        if not name.strip():
            raise ConfigError(
                f"ANDON_FALLBACK contains {entry!r}: write PROVIDER or PROVIDER:MODEL, separated by commas."
            )
        member = Member(provider_name(name, setting="ANDON_FALLBACK"), model.strip())
        if member in members:
            raise ConfigError(f"ANDON_FALLBACK names {entry} twice: remove one of them.")
        members.append(member)
    return tuple(members)


class ProviderSettings(BaseModel, defer_build=True):
    """Who explains problems, and how to reach it."""

    provider: str = Field(
        "OLLAMA",
        description=f"Provider that explains problems: {_LISTED}, the name of a provider from an installed package, or "
        "`PLAYBOOK` for the built-in rules only.",
    )
    model: str = Field(
        "", description="Name of the model; empty means the provider's default (`deepseek-r1:1.5b` for `OLLAMA`)."
    )
    api_key: SecretStr = Field(SecretStr(""), description="API key of the provider, if it needs one.")
    fallback: str = Field(
        "",
        description="Providers to ask, in order, when the previous one is unavailable or misconfigured, such as "
        "`CLAUDE,OLLAMA:llama3.2,PLAYBOOK`.",
    )
    ollama_host: str = Field("http://localhost:11434", description="Address of the Ollama server.")
    base_url: str = Field(
        "",
        description="Address of an `OPENAI_COMPATIBLE` server, such as `http://gpu-box:8000/v1`; for `OPEN_AI`, "
        "`DEEPSEEK`, `CLAUDE`, `GEMINI` and `CLOUDFLARE_AZURE` the address of a gateway used instead of the provider's "
        "own.",
    )
    compatible_base_url: str = Field(
        "",
        description="Address of the `OPENAI_COMPATIBLE` server when it is a fallback and `ANDON_BASE_URL` is already "
        "the gateway of `PROVIDER`.",
    )
    gguf: Path | None = Field(
        None, description="`EMBEDDED`: path of the model's GGUF file, which llama.cpp runs next to the service."
    )
    mmproj: Path | None = Field(
        None, description="`EMBEDDED`: path of the projector (GGUF) that lets the model read pictures, if it has one."
    )
    gguf_threads: int | None = Field(
        None, ge=1, le=512, description="`EMBEDDED`: number of processors the model uses; empty means all but one."
    )
    gguf_context: int = Field(
        8192,
        ge=512,
        le=1_048_576,
        description="`EMBEDDED`: maximum length of question and answer together, in tokens; memory use grows with it.",
    )
    gguf_parallel: int = Field(
        1, ge=1, le=64, description="`EMBEDDED`: number of questions at once; each needs memory for its own context."
    )
    azure_endpoint: str = Field(
        "", description="Azure OpenAI: address of the resource, such as `https://plant.openai.azure.com`."
    )
    azure_deployment: str = Field("", description="Azure OpenAI: name of the deployment; empty means `MODEL`.")
    azure_api_version: str = Field(
        "2024-10-21", description="Azure OpenAI: API version; not sent if the endpoint ends in `/openai/v1`."
    )
    azure_ad_token: SecretStr = Field(
        SecretStr(""),
        description="`AZURE_AD`: a Microsoft Entra token; empty means the machine's own identity (managed identity, "
        "workload identity, `az login`).",
    )
    azure_resource: str = Field("", description="`CLOUDFLARE_AZURE`: name of the Azure OpenAI resource.")
    cloudflare_account: str = Field("", description="`CLOUDFLARE_AZURE`: the Cloudflare account's id.")
    cloudflare_gateway: str = Field("", description="`CLOUDFLARE_AZURE`: name of the AI gateway.")
    cloudflare_token: SecretStr = Field(
        SecretStr(""), description="`CLOUDFLARE_AZURE`: token of the gateway, if it requires one."
    )
    openai_api_key: SecretStr = Field(
        SecretStr(""), description="Key of `OPEN_AI` when it is a fallback, or when `API_KEY` is empty."
    )
    azure_openai_api_key: SecretStr = Field(SecretStr(""), description="The same for `AZURE` and `CLOUDFLARE_AZURE`.")
    gemini_api_key: SecretStr = Field(SecretStr(""), description="The same for `GEMINI`.")
    anthropic_api_key: SecretStr = Field(SecretStr(""), description="The same for `CLAUDE`.")
    deepseek_api_key: SecretStr = Field(SecretStr(""), description="The same for `DEEPSEEK`.")
    compatible_api_key: SecretStr = Field(
        SecretStr(""), description="The same for `OPENAI_COMPATIBLE`, if the server requires a key."
    )
    model_output: Literal["auto", "native", "tool", "prompted"] = Field(
        "auto",
        description="How Andon asks the model for a structured answer: `native` uses a JSON schema, `tool` a tool "
        "call, `prompted` describes the form in the prompt; `auto` picks what suits the provider. If a "
        "server refuses the form, Andon falls back to the prompt.",
    )
    model_images: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="Whether the model is shown pictures: `yes`, `no`, or `auto`, if it is known to support them.",
    )
    model_tools: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="Whether the model gets read-only tools: `yes`, `no`, or `auto`, if it is known to support them.",
    )

    provider_options: dict[str, dict[str, Any]] = Field(
        {},
        repr=False,
        description="Options for providers from installed packages, in `andon.toml`: a table for each, such as "
        "`[provider_options.acme]`; the package's documentation lists its options. `api_key` is the key "
        "when the provider is a fallback.",
    )

    @field_validator("api_key", "azure_ad_token", "cloudflare_token", *sorted(KEY_FIELDS))
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        """A key travels in an HTTP header, which takes printable ASCII."""
        key = value.get_secret_value().strip()
        if not (key.isascii() and key.isprintable()):
            raise ValueError(
                "contains a character that a key cannot have, such as a line break or an umlaut: copy the key again"
            )
        return value

    @field_validator("gguf", "mmproj")
    @classmethod
    def _at_home(cls, value: Path | None) -> Path | None:
        """``~`` is the user's home: in ``.env`` no shell has read it."""
        try:
            return None if value is None else value.expanduser()
        except RuntimeError:  # no such user
            return value

    @field_validator("provider")
    @classmethod
    def _known_provider(cls, value: str) -> str:
        try:
            return provider_name(value)
        except ConfigError as error:
            raise ValueError(str(error).partition(", which ")[2]) from None

    @field_validator("fallback")
    @classmethod
    def _known_fallback(cls, value: str) -> str:
        try:
            members = fallback_members(value)
        except ConfigError as error:
            sentence = str(error).removeprefix("ANDON_FALLBACK ")
            raise ValueError(sentence.removeprefix("is ").replace(", which is", " is")) from None
        return ",".join(":".join(filter(None, member)) for member in members)

    @field_validator("provider_options")
    @classmethod
    def _of_outside_providers(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        options = {provider_name(name, setting="ANDON_PROVIDER_OPTIONS"): table for name, table in value.items()}
        for name in options:
            if name in PROVIDERS:
                raise ConfigError(
                    f"ANDON_PROVIDER_OPTIONS has {name}, which has its own settings; this setting is only for "
                    "providers from installed packages"
                )
        return options

    @property
    def configured(self) -> Member:
        """``PROVIDER`` with ``MODEL``."""
        return Member(self.provider, self.model)

    @property
    def model_name(self) -> str:
        """The model's name with the provider's default filled in."""
        return self.model_of(self.provider, self.model)

    @property
    def local_model(self) -> bool:
        """Whether the model runs on a box of the site, which answers one question at a time as a rule."""
        return is_local(self.provider)

    @property
    def fallback_members(self) -> tuple[Member, ...]:
        """The providers of ``ANDON_FALLBACK`` in order, each model once: who is away is not asked again at once."""
        asked = {(self.provider, self.model_name)}
        members = []
        for member in fallback_members(self.fallback):
            known = (member.provider, self.model_of(*member))
            if known not in asked:
                asked.add(known)
                members.append(member)
        return tuple(members)

    def model_of(self, provider: str, model: str) -> str:
        """The model asked at ``provider`` where the site named ``model``, which may be empty."""
        known = PROVIDERS.get(provider, Known())
        if not model.strip() and known.model_field:
            named = getattr(self, known.model_field)
            return named.stem if isinstance(named, Path) else named or ""
        return model.strip() or known.model

    def address_of(self, provider: str) -> tuple[str, str]:
        """The address for ``provider``, "" for its own, and the setting that is to name it.

        ``ANDON_BASE_URL`` goes to the compatible server where that has no address of its own, else to ``PROVIDER``, so
        that no provider's key is sent to another's.
        """
        if provider == "OLLAMA":
            return self.ollama_host, "OLLAMA_HOST"
        named = (self.provider, *(member.provider for member in self.fallback_members))
        own = self.compatible_base_url.strip()
        if provider == "OPENAI_COMPATIBLE" and own and (provider != self.provider or not self.base_url.strip()):
            return own, "ANDON_COMPATIBLE_BASE_URL"
        addressed = "OPENAI_COMPATIBLE" if "OPENAI_COMPATIBLE" in named and not own else self.provider
        return (self.base_url if provider == addressed else ""), "ANDON_BASE_URL"

    def key_of(self, provider: str) -> str:
        """The key for ``provider``: ``API_KEY`` where it is the configured one, else that provider's own variable."""
        key = self.api_key.get_secret_value() if provider == self.provider else ""
        if not key and provider in PROVIDERS:
            field = PROVIDERS[provider].key_field
            key = getattr(self, field).get_secret_value() if field else ""
        return (key or str(self.provider_options.get(provider, {}).get("api_key", ""))).strip()
