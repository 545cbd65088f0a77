"""Provider names, addresses, and what an import costs."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from andon.core.errors import ConfigError, ModelMisconfigured
from andon.core.extras import install_command
from andon.core.settings.providers import PROVIDERS, fallback_members, provider_name
from andon.core.settings.settings import Settings, load_settings
from andon.explain.model.fallback import FallbackAnalyst, build_analyst
from andon.explain.providers.azure import AzureBackend
from andon.explain.providers.ollama import normalise_host, same_model
from andon.explain.providers.registry import build_backend, build_backends
from andon.insight.ask.mcp_server import require_extra
from support.patience import PATIENCE
from support.questions import question
from support.settings import settings_of


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
        ("AzureOpenAI", "AZURE"),
        ("lmstudio", "OPENAI_COMPATIBLE"),
        ("LlamaCpp", "OPENAI_COMPATIBLE"),
        ("Google Gemini", "GEMINI"),
        ("'deepseek-ai'", "DEEPSEEK"),
        ("CloudflareAzure", "CLOUDFLARE_AZURE"),
    ],
)
def test_names_people_type(given_name: str, name: str) -> None:
    """Case, separators and well-known other names do not matter."""
    assert provider_name(given_name) == name


def test_an_unknown_provider_lists_the_known_ones() -> None:
    """The error names what was given and every name there is."""
    with pytest.raises(ConfigError, match="'LLAMA_FARM', which is not a provider; there are") as caught:
        provider_name("LLAMA_FARM")
    assert all(name in str(caught.value) for name in PROVIDERS)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("OPEN_AI", {}, "PROVIDER=OPEN_AI needs API_KEY: set it and start Andon again."),
        ("GEMINI", {}, "PROVIDER=GEMINI needs API_KEY: set it and start Andon again."),
        ("CLAUDE", {}, "PROVIDER=CLAUDE needs API_KEY: set it and start Andon again."),
        ("DEEPSEEK", {}, "PROVIDER=DEEPSEEK needs API_KEY: set it"),
        ("OPENAI_COMPATIBLE", {}, "needs ANDON_BASE_URL and MODEL: set them and start Andon again."),
        (
            "OPENAI_COMPATIBLE",
            {"base_url": "gpu-box:8000", "model": "m"},
            "ANDON_BASE_URL is 'gpu-box:8000', which is not",
        ),
        ("OPENAI_COMPATIBLE", {"base_url": "http://u:pw@gpu", "model": "m"}, "set API_KEY to the key"),
        ("AZURE", {"api_key": "k"}, "needs ANDON_AZURE_ENDPOINT and MODEL"),
        ("AZURE", {"azure_endpoint": "https://x", "model": "d"}, "PROVIDER=AZURE needs API_KEY"),
        (
            "AZURE",
            {"azure_endpoint": "https://x", "model": "d", "api_key": "k", "azure_api_version": ""},
            "API_VERSION",
        ),
        ("AZURE_AD", {"model": "d"}, "PROVIDER=AZURE_AD needs ANDON_AZURE_ENDPOINT: set it"),
        (
            "CLOUDFLARE_AZURE",
            {},
            "needs ANDON_CLOUDFLARE_ACCOUNT, ANDON_CLOUDFLARE_GATEWAY, ANDON_AZURE_RESOURCE, MODEL and API_KEY: set them",
        ),
        ("EMBEDDED", {}, "PROVIDER=EMBEDDED needs ANDON_GGUF"),
    ],
)
def test_what_a_provider_needs_is_said_at_start(name: str, settings: dict[str, Any], sentence: str) -> None:
    """One sentence names every setting that is missing or wrong."""
    with pytest.raises(ConfigError) as caught:
        build_analyst(settings_of(provider=name, **settings))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("CLAUDE", "anthropic", "claude"),
        ("GEMINI", "google.genai", "gemini"),
        ("AZURE_AD", "azure.identity", "azure-ad"),
        ("EMBEDDED", "xllamacpp", "embedded"),
    ],
)
def test_a_missing_extra_is_named_at_start(name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error gives the command that installs it, before any question is asked."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted: None if wanted == module else find(wanted))
    config = settings_of(
        provider=name, model="m", api_key="k", azure_endpoint="https://x.example", gguf=Path("model.gguf")
    )
    if name == "AZURE_AD":
        config = config.model_copy(update={"api_key": SecretStr("")})
    with pytest.raises(ConfigError) as caught:
        build_analyst(config)
    assert f"PROVIDER={name} needs the library {module}, which is not installed" in str(caught.value)
    assert install_command(extra) in str(caught.value)


@pytest.mark.parametrize(
    ("given_endpoint", "endpoint"),
    [
        ("https://x.openai.azure.com/", "https://x.openai.azure.com"),
        ("https://x.openai.azure.com/openai", "https://x.openai.azure.com"),
        ("https://x.openai.azure.com/openai/deployments/", "https://x.openai.azure.com"),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://x.openai.azure.com",
        ),
        ("https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com/openai/v1"),
        ("'https://x.openai.azure.com/openai/v1/chat/completions'", "https://x.openai.azure.com/openai/v1"),
        ("https://apim.example/openai-gw", "https://apim.example/openai-gw"),
    ],
)
def test_an_address_copied_from_azures_portal_is_understood(given_endpoint: str, endpoint: str) -> None:
    """The portal shows the address of a deployment's questions first."""
    config = settings_of(provider="AZURE", model="d", api_key="k", azure_endpoint=given_endpoint)
    backend = build_backend(config)
    assert isinstance(backend, AzureBackend)
    assert backend.endpoint == endpoint


def test_a_forbidden_library_is_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever kind of ImportError says so."""

    def forbidden(wanted: str) -> None:
        raise ImportError(f"{wanted} is not for you")

    monkeypatch.setattr(importlib.util, "find_spec", forbidden)
    with pytest.raises(ConfigError, match=re.escape(install_command("claude"))):
        build_backend(settings_of(provider="CLAUDE", api_key="k"))
    with pytest.raises(ConfigError, match=re.escape(install_command("mcp"))):
        require_extra()


def test_a_library_that_cannot_be_imported_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed, but a part of it is missing: the service goes on without the model."""
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.setitem(sys.modules, "pydantic_ai.models.openai", None)

    async def use() -> None:
        analyst = build_analyst(full_config("OPEN_AI"))
        assert analyst is not None
        with pytest.raises(ModelMisconfigured, match="library behind PROVIDER=OPEN_AI cannot be imported"):
            await analyst.explain(question())
        await analyst.close()

    asyncio.run(use())


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in ("PLAYBOOK", "EMBEDDED")])
def test_every_provider_can_be_built_without_importing_it(name: str) -> None:
    """With its settings given each name makes an analyst that says its own provider and model."""
    analyst = build_analyst(full_config(name))
    assert analyst is not None
    assert analyst.provider == name
    assert analyst.model == "some-model"


def full_config(name: str, **changes: Any) -> Settings:
    """A config with everything that any provider needs."""
    values: dict[str, Any] = {
        "provider": name,
        "model": "some-model",
        "api_key": "s3cret-key",
        "base_url": "http://127.0.0.1:1/v1",
        "azure_endpoint": "https://plant.openai.azure.example",
        "azure_ad_token": "s3cret-token",
        "azure_resource": "plant",
        "cloudflare_account": "acc",
        "cloudflare_gateway": "gate",
        "cloudflare_token": "s3cret-gate",
    }
    return settings_of(**{**values, **changes})


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in ("PLAYBOOK", "EMBEDDED")])
def test_no_repr_shows_a_secret(name: str) -> None:
    """Neither the config nor the backend's place, which stands in log lines and tracebacks."""
    config = full_config(name)
    backend = build_backend(config)
    assert backend is not None
    assert "s3cret" not in repr(config) + repr(backend.place) + repr(vars(backend).get("place"))


def test_a_list_of_fallbacks_ends_at_the_playbook() -> None:
    """The members before PLAYBOOK are asked in their order; what stands behind it never is."""
    config = full_config("OPEN_AI", fallback="OLLAMA,PLAYBOOK,CLAUDE")
    assert isinstance(build_analyst(config), FallbackAnalyst)
    assert [backend.provider for backend in build_backends(config)] == ["OPEN_AI", "OLLAMA"]


@pytest.mark.parametrize(("name", "variable"), [("CLAUDE", "ANTHROPIC_API_KEY"), ("DEEPSEEK", "DEEPSEEK_API_KEY")])
def test_a_fallback_without_its_key_is_said_at_start(name: str, variable: str) -> None:
    """The sentence names ANDON_FALLBACK and the variable of that provider."""
    with pytest.raises(ConfigError, match=f"ANDON_FALLBACK: PROVIDER={name} needs {variable}: set it"):
        build_analyst(full_config("OLLAMA", fallback=name))


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", []),
        ("OLLAMA,PLAYBOOK", [("OLLAMA", ""), ("PLAYBOOK", "")]),
        ("anthropic:claude-x , ollama:llama3.2:3b", [("CLAUDE", "claude-x"), ("OLLAMA", "llama3.2:3b")]),
    ],
)
def test_fallbacks_as_people_write_them(text: str, members: list[tuple[str, str]]) -> None:
    """PROVIDER or PROVIDER:MODEL, separated by commas; aliases are understood."""
    assert [tuple(member) for member in fallback_members(text)] == members


@pytest.mark.parametrize("text", ["llama_farm", ":llama3.2", "OLLAMA,ollama"])
def test_fallbacks_that_make_no_sense(text: str) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match="ANDON_FALLBACK"):
        fallback_members(text)


def test_the_playbook_needs_no_analyst() -> None:
    """PLAYBOOK means that no model is asked."""
    assert build_analyst(settings_of(provider="PLAYBOOK")) is None


def test_ollama_is_the_default_with_the_reference_model() -> None:
    """Without settings: OLLAMA, deepseek-r1:1.5b."""
    analyst = build_analyst(settings_of())
    assert analyst is not None
    assert (analyst.provider, analyst.model) == ("OLLAMA", "deepseek-r1:1.5b")


@pytest.mark.parametrize(
    "setting",
    ["model_deadline", "model_cold_deadline", "model_max_tokens", "model_prompt_tokens", "model_concurrency"],
)
def test_numbers_must_be_above_zero(setting: str) -> None:
    """A deadline or budget of nothing is a mistake, said at start."""
    with pytest.raises(ConfigError, match=f"ANDON_{setting.upper()}=0"):
        load_settings(**{setting: 0})


def test_the_key_is_not_in_the_repr() -> None:
    """A config may be logged."""
    assert "s3cret" not in repr(settings_of(api_key="s3cret"))


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
        "import sys, pkgutil, importlib, andon.explain as a\n"
        "for m in pkgutil.iter_modules(a.__path__, 'andon.explain.'):\n"
        "    if not m.ispkg: importlib.import_module(m.name)\n"
        "from andon.core.settings.settings import load_settings\n"
        "from andon.explain.model.fallback import build_analyst\n"
        "build_analyst(load_settings())\n"
        "for name in ('OPEN_AI', 'CLAUDE', 'GEMINI'): build_analyst(load_settings(provider=name, api_key='k'))\n"
        "heavy = ('pydantic_ai', 'openai', 'anthropic', 'google.genai', 'azure.identity', 'httpx2', 'httpx')\n"
        "print([m for m in heavy if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("provider", ["OLLAMA", "OPENAI_COMPATIBLE", "OPEN_AI", "DEEPSEEK", "GEMINI"])
def test_asking_the_provider_itself_imports_no_library_of_it(provider: str) -> None:
    """A service that has asked no question probes its provider over plain HTTP: the libraries cost a second."""
    code = (
        "import sys, asyncio\n"
        "from andon.core.errors import ModelError\n"
        "from andon.core.settings.settings import load_settings\n"
        "from andon.explain.model.fallback import build_analyst\n"
        "url = 'http://127.0.0.1:9'\n"
        f"made = load_settings(provider={provider!r}, model='m', api_key='k', base_url=url, ollama_host=url)\n"
        "async def probe():\n"
        "    analyst = build_analyst(made)\n"
        "    await analyst.warm_up()\n"
        "    await analyst.identity()\n"
        "    try: await analyst.check()\n"
        "    except ModelError as error: print(error)\n"
        "    await analyst.close()\n"
        "asyncio.run(probe())\n"
        "print([m for m in ('pydantic_ai', 'openai', 'google.genai') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    *_, told, imported = done.stdout.strip().splitlines()
    assert "127.0.0.1:9" in told
    assert imported == "[]"


def test_a_question_to_ollama_imports_no_library_of_a_provider() -> None:
    """What asks directly never pays for a library, not with the first question and not with its repair."""
    code = (
        "import sys, asyncio\n"
        "from andon.core.settings.settings import load_settings\n"
        "from andon.explain.model.fallback import build_analyst\n"
        "from support.ollama import Answer, Ollama\n"
        "from support.questions import question\n"
        "async def ask(url):\n"
        "    analyst = build_analyst(load_settings(ollama_host=url))\n"
        "    explanation = await analyst.explain(question())\n"
        "    await analyst.close()\n"
        "    return explanation\n"
        "with Ollama() as ollama:\n"
        "    ollama.script(Answer(finding={'summary': 5}))\n"
        "    explanation = asyncio.run(ask(ollama.url))\n"
        "    assert ollama.calls == 2 and ollama.violations == []\n"
        "print(explanation.finding is not None, [m for m in ('pydantic_ai', 'openai') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        cwd=Path(__file__).parents[1],  # where `support` is
    )
    assert done.stdout.strip().splitlines()[-1] == "True []"
