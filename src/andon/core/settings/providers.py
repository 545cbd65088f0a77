"""The settings that concern the model's provider: a part of :class:`andon.core.settings.settings.Settings`.

A provider is configured where the site says so and nowhere else: no key of another program's environment is picked
up for a provider that neither ``PROVIDER`` nor ``ANDON_FALLBACK`` names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from andon.core.errors import ConfigError
from andon.core.settings.provider_names import DEFAULT_MODELS, Member, fallback_members, provider_name

#: Variables that the providers' own tools read, for a provider that is not ``PROVIDER`` or has no ``API_KEY``.
PROVIDER_KEYS = {
    "OPEN_AI": "openai_api_key",
    "AZURE": "azure_openai_api_key",
    "CLOUDFLARE_AZURE": "azure_openai_api_key",
    "GEMINI": "gemini_api_key",
    "CLAUDE": "anthropic_api_key",
    "DEEPSEEK": "deepseek_api_key",
}


def key_field(provider: str) -> str:
    """The field that holds the key of ``provider`` where it is a fallback."""
    return PROVIDER_KEYS.get(provider, "compatible_api_key")


class ProviderSettings(BaseModel):
    """Who explains problems, and how to reach it."""

    provider: str = Field(
        "OLLAMA",
        description="Who explains problems: `OLLAMA`, `OPENAI_COMPATIBLE`, `EMBEDDED`, `OPEN_AI`, `AZURE`, `AZURE_AD`, "
        "`CLOUDFLARE_AZURE`, `GEMINI`, `CLAUDE`, `DEEPSEEK`, or `PLAYBOOK` for the built-in rules alone.",
    )
    model: str = Field(
        "",
        description="The model's name; empty means the provider's default (`deepseek-r1:1.5b` for `OLLAMA`).",
    )
    api_key: SecretStr = Field(SecretStr(""), description="The provider's key, where it needs one.")
    fallback: str = Field(
        "",
        description="Providers to ask where the one before is away or misconfigured, such as "
        "`CLAUDE,OLLAMA:llama3.2,PLAYBOOK`.",
    )
    ollama_host: str = Field("http://localhost:11434", description="Address of the Ollama server.")
    base_url: str = Field(
        "",
        description="Address of an `OPENAI_COMPATIBLE` server, such as `http://gpu-box:8000/v1`; for `OPEN_AI`, "
        "`DEEPSEEK`, `CLAUDE`, `GEMINI` and `CLOUDFLARE_AZURE` that of a gateway in place of the provider's own.",
    )
    compatible_base_url: str = Field(
        "",
        description="Address of the `OPENAI_COMPATIBLE` server where it is a fallback and `ANDON_BASE_URL` is the "
        "gateway of `PROVIDER`.",
    )
    gguf: Path | None = Field(
        None, description="`EMBEDDED`: path of the model's GGUF file, which is run by llama.cpp beside the service."
    )
    mmproj: Path | None = Field(
        None,
        description="`EMBEDDED`: path of the projector (GGUF) with which the model sees pictures, if it has one.",
    )
    gguf_threads: int | None = Field(
        None, ge=1, le=512, description="`EMBEDDED`: processors the model takes; empty means all but one."
    )
    gguf_context: int = Field(
        8192,
        ge=512,
        le=1_048_576,
        description="`EMBEDDED`: longest question and answer together, in tokens; memory is taken in proportion.",
    )
    gguf_parallel: int = Field(
        1, ge=1, le=64, description="`EMBEDDED`: questions at once; each takes memory for a context of its own."
    )
    azure_endpoint: str = Field(
        "", description="Azure OpenAI: address of the resource, such as `https://plant.openai.azure.com`."
    )
    azure_deployment: str = Field("", description="Azure OpenAI: name of the deployment; empty means `MODEL`.")
    azure_api_version: str = Field(
        "2024-10-21", description="Azure OpenAI: API version; not sent where the endpoint ends in `/openai/v1`."
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
        SecretStr(""), description="`CLOUDFLARE_AZURE`: token of the gateway, where it asks for one."
    )
    openai_api_key: SecretStr = Field(
        SecretStr(""), description="Key of `OPEN_AI` where it is a fallback, or where `API_KEY` is empty."
    )
    azure_openai_api_key: SecretStr = Field(SecretStr(""), description="The same for `AZURE` and `CLOUDFLARE_AZURE`.")
    gemini_api_key: SecretStr = Field(SecretStr(""), description="The same for `GEMINI`.")
    anthropic_api_key: SecretStr = Field(SecretStr(""), description="The same for `CLAUDE`.")
    deepseek_api_key: SecretStr = Field(SecretStr(""), description="The same for `DEEPSEEK`.")
    compatible_api_key: SecretStr = Field(
        SecretStr(""), description="The same for `OPENAI_COMPATIBLE`, where the server asks for a key."
    )
    model_output: Literal["auto", "native", "tool", "prompted"] = Field(
        "auto",
        description="How a finding is asked for: `native` binds the answer to a JSON schema, `tool` wants a tool call, "
        "`prompted` asks in words; `auto` knows the providers. Where a server refuses the form, it is asked in words.",
    )
    model_images: Literal["auto", "yes", "no"] = Field(
        "auto", description="Whether pictures are shown to the model: `yes`, `no`, or `auto`, as far as is known of it."
    )
    model_tools: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="Whether the model gets read-only tools: `yes`, `no`, or `auto`, as far as is known of it.",
    )

    @field_validator(
        "api_key", "azure_ad_token", "cloudflare_token", "compatible_api_key", *sorted(set(PROVIDER_KEYS.values()))
    )
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        """A key travels in an HTTP header, which takes printable ASCII."""
        key = value.get_secret_value().strip()
        if not (key.isascii() and key.isprintable()):
            raise ValueError("has a character that no key has, such as a line break or an umlaut: copy the key again")
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

    @property
    def model_name(self) -> str:
        """The model's name with the provider's default filled in."""
        return self.model_of(self.provider, self.model)

    @property
    def local_model(self) -> bool:
        """Whether the model runs on a box of the site, which answers one question at a time as a rule."""
        return self.provider in ("OLLAMA", "EMBEDDED", "OPENAI_COMPATIBLE")

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
        if not model and provider in ("AZURE", "AZURE_AD", "CLOUDFLARE_AZURE"):
            return self.azure_deployment
        if not model and provider == "EMBEDDED" and self.gguf is not None:
            return self.gguf.stem
        return model or DEFAULT_MODELS.get(provider, "")

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
        own = getattr(self, key_field(provider))
        key = self.api_key.get_secret_value() if provider == self.provider else ""
        if not key and (provider in PROVIDER_KEYS or provider == "OPENAI_COMPATIBLE"):
            key = own.get_secret_value()
        return key.strip()
