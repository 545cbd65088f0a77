"""How one model is reached, and what it can do: the site's settings, seen by the provider that is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from andon.core import extras
from andon.core.errors import ConfigError
from andon.core.settings.providers import PROVIDERS, Member
from andon.core.settings.settings import Settings, environment_name
from andon.explain.providers.failures import Place


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a model can do. Ours to obey: the flags of the library's profiles describe and do not prevent.

    ``output`` is how a finding is asked for: ``native`` constrains the answer by a JSON schema, ``tool`` makes the
    finding the arguments of a tool call, ``prompted`` only asks for JSON in words. ``sees_schema`` says that the
    provider shows a native schema to the model by itself, ``strict`` that it binds the answer only to a schema of the
    narrower kind OpenAI calls so. ``context`` is the window in tokens, None where unknown.
    ``small`` says that it is a small model on a box of the site's own as a rule, which pays for every word: it is asked
    for less, and repetition is held down by ``sampling``, fields of the request that its server takes beyond OpenAI's.
    ``thinks`` says that it writes thoughts before its answer, ``system`` that its template keeps a system message.
    ``temperature`` says that the model takes one (reasoning models refuse it), ``effort`` how much it is told to think,
    None for its own default.
    """

    output: Literal["native", "tool", "prompted"] = "native"
    sees_schema: bool = False
    strict: bool = False
    tools: bool = False
    images: bool = False
    context: int | None = None
    small: bool = False
    sampling: Mapping[str, Any] = field(default_factory=dict)
    thinks: bool = False
    system: bool = True
    temperature: bool = True
    effort: Literal["minimal", "low", "medium", "high"] | None = None


@dataclass(frozen=True)
class Access:
    """The settings, and which of the providers that they name this is; all that a provider is made of.

    A provider reads what is its own from ``settings``, and from here what depends on whether it is ``PROVIDER`` or a
    fallback. Its repr shows no secret.
    """

    settings: Settings = field(repr=False)
    member: Member

    @property
    def provider(self) -> str:
        """The name as in ``PROVIDER``."""
        return self.member.provider

    @property
    def model(self) -> str:
        """The model's name, "" where neither the site nor the provider has one."""
        return self.settings.model_of(*self.member)

    @property
    def api_key(self) -> str:
        """The key, "" where there is none."""
        return self.settings.key_of(self.provider)

    @property
    def base_url(self) -> str:
        """The address as it is set, "" for the provider's own."""
        return self.settings.address_of(self.provider)[0]

    @property
    def options(self) -> Mapping[str, Any]:
        """What the site says in ``[provider_options]`` for a provider from outside."""
        return self.settings.provider_options.get(self.provider, {})

    @property
    def timeout(self) -> float:
        """Seconds for each read of an answer."""
        return self.settings.model_cold_deadline

    @property
    def pool(self) -> int:
        """The most connections: one more than there are questions at once, so that a check never waits for one."""
        return self.settings.model_concurrency + 1

    @property
    def key_setting(self) -> str:
        """What messages call the key."""
        if self.provider == self.settings.provider:
            return "API_KEY"
        known = PROVIDERS.get(self.provider)
        return "ANDON_PROVIDER_OPTIONS" if known is None else environment_name(known.key_field)

    @property
    def address_setting(self) -> str:
        """What messages call the address."""
        return self.settings.address_of(self.provider)[1]

    @property
    def model_setting(self) -> str:
        """What messages call the model."""
        return "MODEL" if self.member == self.settings.configured else f"ANDON_FALLBACK={self.provider}:model"

    def over(self, known: Capabilities) -> Capabilities:
        """``known`` of the model, with the site's own words (``ANDON_MODEL_OUTPUT``, …) put first."""
        said = self.settings
        return replace(
            known,
            output=known.output if said.model_output == "auto" else said.model_output,
            images=known.images if said.model_images == "auto" else said.model_images == "yes",
            tools=known.tools if said.model_tools == "auto" else said.model_tools == "yes",
        )

    def url(self, default: str) -> str:
        """The address, ``default`` where none is set. Raises ConfigError where what is set is none."""
        return address(self.base_url or default, self.address_setting)

    def place(self, name: str, url: str, lists: str = "", **more: Any) -> Place:
        """A service on the internet, called ``name``, that tells ``lists`` which models there are.

        ``more`` are the fields of Place that differ, such as ``model`` where that is not :attr:`model` as it stands.
        """
        fields = {
            "model": self.model,
            "when_away": "check this machine's internet access (HTTPS_PROXY, firewall).",
            "when_missing": f"set {self.model_setting} to one {lists}.",
            "when_wrong": f"check {self.address_setting}, and HTTPS_PROXY if there is a proxy in between.",
            "key_setting": self.key_setting,
            "api_key": self.api_key,
        }
        return Place(name=name, url=url, **(fields | more))

    def demand_extra(self) -> None:
        """Raises ConfigError where the library of the provider's own extra is not installed."""
        extras.require(PROVIDERS[self.provider].extra, f"PROVIDER={self.provider}")

    def demand_key(self) -> None:
        """Raises ConfigError where there is no key."""
        required(self.provider, {self.key_setting: self.api_key})


def required(provider: str, settings: Mapping[str, str]) -> None:
    """Raises ConfigError that names the settings (by environment name) which ``provider`` needs and which are empty."""
    missing = [name for name, value in settings.items() if not value.strip()]
    if missing:
        listed = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        them = "it" if len(missing) == 1 else "them"
        raise ConfigError(f"PROVIDER={provider} needs {listed}: set {them} and start Andon again.")


def address(text: str, setting: str) -> str:
    """An API's address without a slash at its end. Raises ConfigError where ``text`` is none.

    >>> address(" https://api.plant.example/v1/ ", "ANDON_BASE_URL")
    'https://api.plant.example/v1'
    """
    given = text.strip().strip("\"'").rstrip("/")
    try:
        parts = urlsplit(given)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or re.search(r"[\s\x00-\x1f]", given):
        raise ConfigError(f"{setting} is {text!r}, which is not an address: write https://host/path.")
    if parts.username or parts.password:
        raise ConfigError(
            f"{setting} contains a user or password: set API_KEY to the key and remove it from the address."
        )
    return given
