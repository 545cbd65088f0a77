"""Provider names, addresses, and what an import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.agent.ollama import DEFAULT_MODEL, normalise_host, same_model
from andon.agent.providers import PROVIDERS, ProviderConfig, build_analyst, provider_name
from andon.errors import ConfigError


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("OLLAMA", "OLLAMA"),
        ("Ollama", "OLLAMA"),
        (" ollama ", "OLLAMA"),
        ("", "OLLAMA"),
        ("openai", "OPEN_AI"),
        ("open-ai", "OPEN_AI"),
        ("Azure AD", "AZURE_AD"),
        ("anthropic", "CLAUDE"),
        ("playbook", "PLAYBOOK"),
        ("none", "PLAYBOOK"),
        ("openai.compatible", "OPENAI_COMPATIBLE"),
    ],
)
def test_names_people_type(given_name: str, name: str) -> None:
    """Case, separators and well-known other names do not matter."""
    assert provider_name(given_name) == name


def test_an_unknown_provider_lists_the_known_ones() -> None:
    """The error names what was given and every name there is."""
    with pytest.raises(ConfigError, match="'LLAMA_FARM'") as caught:
        provider_name("LLAMA_FARM")
    assert all(name in str(caught.value) for name in PROVIDERS)


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in ("OLLAMA", "PLAYBOOK")])
def test_a_provider_of_a_later_version_is_refused_in_one_sentence(name: str) -> None:
    """The error says which providers this version has."""
    with pytest.raises(ConfigError, match=f"PROVIDER={name} is not in this version yet: .* OLLAMA, PLAYBOOK"):
        build_analyst(ProviderConfig(provider=name))


def test_the_playbook_needs_no_analyst() -> None:
    """PLAYBOOK means that no model is asked."""
    assert build_analyst(ProviderConfig(provider="PLAYBOOK")) is None


def test_ollama_is_the_default_with_the_reference_model() -> None:
    """Without settings: OLLAMA, deepseek-r1:1.5b."""
    analyst = build_analyst(ProviderConfig())
    assert analyst is not None
    assert (analyst.provider, analyst.model) == ("OLLAMA", DEFAULT_MODEL)


@pytest.mark.parametrize("setting", ["deadline", "cold_start_deadline", "max_output_tokens", "prompt_budget", "pool"])
def test_numbers_must_be_above_zero(setting: str) -> None:
    """A deadline or budget of nothing is a mistake, said at start."""
    with pytest.raises(ConfigError, match=setting):
        build_analyst(ProviderConfig(**{setting: 0}))  # type: ignore[arg-type]


def test_the_key_is_not_in_the_repr() -> None:
    """A config may be logged."""
    assert "s3cret" not in repr(ProviderConfig(api_key="s3cret"))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("localhost", "http://localhost:11434"),
        ("localhost:11434", "http://localhost:11434"),
        ("http://localhost:11434/", "http://localhost:11434"),
        ("http://localhost:11434/v1/", "http://localhost:11434"),
        ("http://localhost:11434/api", "http://localhost:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # what people set, not what we bind
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        (":11500", "http://127.0.0.1:11500"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:11434", "http://[::1]:11434"),
        ("[::]:11434", "http://[::1]:11434"),
        ("http://[fe80::1]:1234/v1", "http://[fe80::1]:1234"),
        ("http://127.0.0.1", "http://127.0.0.1:11434"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("https://ollama.plant.example", "https://ollama.plant.example:443"),
        ("HTTP://GPU-Box:11434", "http://gpu-box:11434"),
        ("https://host/ollama/v1", "https://host:443/ollama"),
        ("http://user:pw@host:1/", "http://user:pw@host:1"),
        ('"gpu-box:11434"', "http://gpu-box:11434"),
    ],
)
def test_addresses_people_set(host: str | None, url: str) -> None:
    """Every form of OLLAMA_HOST ends as an address a client can call."""
    assert normalise_host(host) == url


@pytest.mark.parametrize("host", ["ftp://x", "http://h:99999", "a b", "http://[::1", "host:port", "http://h/?q=1"])
def test_what_is_no_address_is_refused(host: str) -> None:
    """The error quotes it and says how to write one."""
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        normalise_host(host)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """No other error, and normalising twice changes nothing."""
    try:
        url = normalise_host(text)
    except ConfigError:
        return
    assert normalise_host(url) == url


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("llama3.2", "llama3.2:latest", True),
        ("Llama3.2:LATEST", "llama3.2", True),
        ("deepseek-r1:1.5b", "deepseek-r1:1.5b", True),
        ("deepseek-r1", "deepseek-r1:1.5b", False),
        ("host:5000/team/model", "host:5000/team/model:latest", True),
    ],
)
def test_a_name_without_a_tag_means_latest(one: str, other: str, same: bool) -> None:
    """As Ollama reads model names."""
    assert same_model(one, other) is same


def test_importing_the_agent_does_not_import_a_provider() -> None:
    """The provider's libraries cost a second and 60 MiB: only an analyst that is used pays."""
    code = (
        "import sys, pkgutil, importlib, andon.agent as a\n"
        "for m in pkgutil.iter_modules(a.__path__, 'andon.agent.'):\n"
        "    if not m.ispkg: importlib.import_module(m.name)\n"
        "from andon.agent.providers import ProviderConfig, build_analyst\n"
        "build_analyst(ProviderConfig())\n"
        "print([m for m in ('pydantic_ai', 'openai', 'httpx2', 'httpx') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
