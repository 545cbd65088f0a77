"""Settings: where they come from, and one clear sentence for each mistake."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import available_timezones

import pytest

from andon.core.errors import ConfigError
from andon.core.models import Delivery
from andon.core.settings.settings import load_settings
from andon.core.settings.site import MONTH_FIRST
from andon.explain.providers.access import Access


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without .env and andon.toml, and an environment without our names."""
    import os

    for name in list(os.environ):
        own = name.startswith("ANDON_") or name.endswith("API_KEY")
        if own or name in ("PROVIDER", "MODEL", "NATS_URL", "DB_PATH", "OLLAMA_HOST"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_are_the_references() -> None:
    """Without any setting: OLLAMA with the reference's model, port 4222, data/agent.db, Agent Sig."""
    settings = load_settings()
    assert (settings.provider, settings.model_name) == ("OLLAMA", "deepseek-r1:1.5b")
    assert settings.broker_url == "nats://127.0.0.1:4222"
    assert settings.database == Path("data/agent.db")
    assert settings.agent_name == "Agent Sig"
    assert settings.http_port == 8420


def test_environment_goes_before_dotenv_before_toml(empty_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same setting in three places: the environment wins, then .env, then andon.toml."""
    (empty_place / "andon.toml").write_text('nats_port = 1111\nhttp_port = 2222\nmodel = "from-toml"\n')
    (empty_place / ".env").write_text("ANDON_HTTP_PORT=3333\nMODEL=from-dotenv\n")
    monkeypatch.setenv("MODEL", "from-environment")
    settings = load_settings()
    assert (settings.nats_port, settings.http_port, settings.model) == (1111, 3333, "from-environment")


def test_empty_values_mean_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """NATS_URL= (as in a compose file) is no address."""
    monkeypatch.setenv("NATS_URL", "")
    monkeypatch.setenv("DB_PATH", "")
    assert load_settings().embedded_broker


def test_data_directory_moves_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """DB_PATH goes before the data directory; without it the database lies there."""
    monkeypatch.setenv("ANDON_DATA_DIR", "/srv/andon")
    assert load_settings().database == Path("/srv/andon/agent.db")
    monkeypatch.setenv("DB_PATH", "/elsewhere/a.db")
    assert load_settings().database == Path("/elsewhere/a.db")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            '[[files]]\npaths = ["/a/*.log"]\nplace = "{lin}/x"',
            "[[files]] entry 1 in andon.toml, place={lin}/x: '{lin}/x' contains",
        ),
        ('[[syslog]]\nsenders = ["a"]\nplace = "{line"', "contains a { without the matching brace"),
        (
            '[[mqtt]]\nurl = "mqtt://h"\ntopics = ["a"]\nplace = "{x}"',
            "[[mqtt]] entry 1 in andon.toml, place: '{x}' contains",
        ),
        ('[[opcua]]\nurl = "opc.tcp://h:1"\nplace = "{line}/{line}"', "contains {line} twice"),
        ('[[mtconnect]]\nurl = "shdr://h"\nplace = "{where}"', "not one of {site}, {area}"),
        ('[[mqtt]]\nurl = "mqtt://h"', "[[mqtt]] entry 1 in andon.toml, topics is missing"),
        ('[[files]]\npaths = "/a.log"', "[[files]] entry 1 in andon.toml, paths must be a list: write it in brackets"),
        ('[[syslog]]\nsenders = ["a"]\n[[syslog]]\nport = 1', "[[syslog]] entry 2 in andon.toml, senders is missing"),
        (
            '[services."press-*"]\ncriticality = 11',
            '[services."press-*"] in andon.toml, criticality=11: write 10 or less',
        ),
        ('[severities]\n"Prio7" = "LOUD"', "[severities] in andon.toml, Prio7=LOUD: write"),
        ("code_patterns = [1]", "ANDON_CODE_PATTERNS, entry 1=1: write a text"),
        ("[[file]]", "unknown setting 'file'; did you mean files?"),
        ("qwertz = 1", "unknown setting 'qwertz'; docs/settings.md lists all of them"),
    ],
)
def test_a_mistake_in_the_table_of_a_source_is_one_sentence(
    written: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is told at the start, before any log comes."""
    (tmp_path / "andon.toml").write_text(written + "\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ANDON_NATS_PORT", "70000", "ANDON_NATS_PORT=70000"),
        ("ANDON_NATS_PORT", "many", "ANDON_NATS_PORT=many"),
        ("ANDON_TIME_ZONE", "Mars/Base", "not a time zone"),
        ("ANDON_DURABILITY", "sometimes", "'normal' or 'strict'"),
        ("ANDON_NATS_HOST", "0.0.0.0", "set ANDON_NATS_USER and ANDON_NATS_PASSWORD"),
        ("ANDON_HTTP_LOGIN", "never", "ANDON_HTTP_LOGIN=never: write 'auto' or 'always'"),
        ("ANDON_HTTP_PREFIX", "/a/../b", "write a path of letters, digits and . _ ~ - such as /andon"),
        ("ANDON_HTTP_PREFIX", "/and on", "write a path of letters, digits and . _ ~ - such as /andon"),
        ("ANDON_CODE_FIELDS", "abc", "ANDON_CODE_FIELDS is not valid JSON"),
        ("ANDON_DATE_ORDER", "iso", "ANDON_DATE_ORDER=iso: write 'auto', 'day-first' or 'month-first'"),
        ("ANDON_SEVERITIES", '{"Prio7": "bad"}', "ANDON_SEVERITIES, Prio7=BAD: write 'DEBUG', 'INFO'"),
        ("ANDON_SEVERITIES", '{"Prio7": 3}', "ANDON_SEVERITIES, Prio7=3: write 'DEBUG', 'INFO'"),
        ("ANDON_SEVERITIES", '{" ": "INFO"}', "an empty word stands for no severity, which is always INFO: remove it"),
        ("ANDON_SEVERITIES", '{"ERROR": "INFO"}', "the five severities of Andon cannot be redefined: remove ERROR"),
        (
            "ANDON_SEVERITIES",
            '{"P1": "INFO", "p1": "ERROR"}',
            "'p1' is listed twice with different capitals: remove one",
        ),
        ("ANDON_CONFIG", "/nowhere/andon.toml", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the setting, what is wrong, and no more than that."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_site_says_what_its_severities_mean(empty_place: Path) -> None:
    """A table of andon.toml reaches the decoder, in any case."""
    from andon.app.wiring import decoder

    (empty_place / "andon.toml").write_text('[severities]\n"Prio7" = "error"\n9999 = "CRITICAL"\n')
    decode = decoder(load_settings())
    for sent, meant in ((b'"PRIO7"', "ERROR"), (b"9999", "CRITICAL"), (b'"Prio8"', "WARNING")):
        delivery = Delivery(b'{"message": "x", "severity": ' + sent + b"}", "subject", "stream", 1, 10**18, "")
        assert decode(delivery).first().severity == meant


@pytest.mark.parametrize(
    ("zone", "order", "day_first"),
    [
        ("UTC", "auto", True),
        ("Europe/Berlin", "auto", True),
        ("America/Toronto", "auto", True),
        ("America/New_York", "auto", False),
        ("US/Pacific", "auto", False),
        ("Pacific/Guam", "auto", False),
        ("Asia/Manila", "auto", False),
        ("America/New_York", "day-first", True),
        ("Europe/Berlin", "month-first", False),
    ],
)
def test_the_order_of_a_date_is_the_zones_unless_it_is_set(zone: str, order: str, day_first: bool) -> None:
    """The United States and few others write the month first."""
    assert load_settings(time_zone=zone, date_order=order).day_first is day_first


def test_every_zone_that_writes_the_month_first_exists() -> None:
    """A misspelt one would be read the other way round."""
    assert available_timezones() >= MONTH_FIRST


def test_an_unknown_key_in_the_file_is_named(empty_place: Path) -> None:
    """A misspelt setting in andon.toml is an error, not a surprise later."""
    (empty_place / "andon.toml").write_text("nats_prot = 1\n")
    with pytest.raises(ConfigError, match="nats_prot"):
        load_settings()


def test_secrets_are_not_shown() -> None:
    """Neither the settings' repr nor an error shows a key or password."""
    settings = load_settings(api_key="sk-secret", nats_user="u", nats_password="hush", http_token="t0ken")
    assert not any(secret in repr(settings) for secret in ("sk-secret", "hush", "t0ken"))
    assert settings.broker_url == "nats://u:hush@127.0.0.1:4222"


def test_a_site_adds_codes_that_keep_problems_apart(empty_place: Path) -> None:
    """Patterns and fields of andon.toml reach the fingerprint; a broken expression is one sentence."""
    from andon.app.wiring import fingerprinter

    (empty_place / "andon.toml").write_text('code_patterns = ["ZX-[A-Z]{2}"]\ncode_fields = ["machine_state"]\n')
    fingerprint = fingerprinter(load_settings())
    one, other = "Station 4 stopped by ZX-AB today", "Station 9 stopped by ZX-CD today"
    assert fingerprint(one, "plc", None).key != fingerprint(other, "plc", None).key
    states = [fingerprint("Station stopped by its own program", "plc", {"machine_state": s}).key for s in (17, 18)]
    assert states[0] != states[1]
    (empty_place / "andon.toml").write_text('code_patterns = ["("]\n')
    with pytest.raises(ConfigError):
        fingerprinter(load_settings())


@pytest.mark.parametrize(
    ("given", "name", "model"),
    [
        ("openai", "OPEN_AI", "gpt-5.6-luna"),
        ("anthropic", "CLAUDE", "claude-haiku-5-5"),
        ("Azure OpenAI", "AZURE", ""),
        ("none", "PLAYBOOK", ""),
    ],
)
def test_aliases_of_providers(given: str, name: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names people type are understood, default models included."""
    monkeypatch.setenv("PROVIDER", given)
    settings = load_settings()
    assert (settings.provider, settings.model_name) == (name, model)


@pytest.mark.parametrize("setting", ["PROVIDER", "ANDON_FALLBACK"])
def test_an_unknown_provider_is_one_sentence(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the setting, what was given and what there is."""
    monkeypatch.setenv(setting, "llama_farm")
    with pytest.raises(ConfigError, match=rf"^{setting}=llama_farm: .*is not a provider; there are OLLAMA, "):
        load_settings()


@pytest.mark.parametrize(
    ("given", "meant"), [("llama.cp", "OPENAI_COMPATIBLE"), ("antropic", "CLAUDE"), ("azure_opneai", "AZURE")]
)
def test_a_slip_of_the_pen_in_a_provider_is_understood(given: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as to ask for it."""
    monkeypatch.setenv("PROVIDER", given)
    with pytest.raises(ConfigError, match=f"^PROVIDER={given}: is not a provider; did you mean {meant}\\? there are "):
        load_settings()


def test_a_deployment_stands_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """ANDON_AZURE_DEPLOYMENT serves where MODEL is empty."""
    monkeypatch.setenv("PROVIDER", "azure")
    monkeypatch.setenv("ANDON_AZURE_DEPLOYMENT", "prod")
    assert load_settings().model_name == "prod"


def test_each_provider_gets_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """API_KEY is for PROVIDER alone; a fallback has its own variable, and Ollama gets nobody else's."""
    monkeypatch.setenv("PROVIDER", "claude")
    monkeypatch.setenv("API_KEY", "key-of-claude")
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-openai")
    settings = load_settings()
    keys = {name: settings.key_of(name) for name in ("CLAUDE", "OPEN_AI", "OLLAMA", "GEMINI")}
    assert keys == {"CLAUDE": "key-of-claude", "OPEN_AI": "key-of-openai", "OLLAMA": "", "GEMINI": ""}
    assert "key-of" not in repr(settings)


def test_the_providers_own_variable_serves_without_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its own tools do."""
    monkeypatch.setenv("PROVIDER", "gemini")
    monkeypatch.setenv("GEMINI_API_KEY", "key-of-gemini")
    settings = load_settings()
    assert settings.key_of("GEMINI") == "key-of-gemini"


def accesses() -> list[Access]:
    """What each provider that the settings name is made of."""
    settings = load_settings()
    return [Access(settings, member) for member in (settings.configured, *settings.fallback_members)]


def test_a_gateways_address_belongs_to_one_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """ANDON_BASE_URL is the compatible server's where there is one, so that no other provider's key is sent there."""
    monkeypatch.setenv("PROVIDER", "openai")
    monkeypatch.setenv("API_KEY", "k")
    monkeypatch.setenv("ANDON_BASE_URL", "http://gpu-box:8000/v1")
    assert accesses()[0].base_url == "http://gpu-box:8000/v1"
    monkeypatch.setenv("ANDON_FALLBACK", "vllm:qwen")
    first, *others = accesses()
    assert first.base_url == ""
    assert [(access.provider, access.model, access.base_url, access.api_key) for access in others] == [
        ("OPENAI_COMPATIBLE", "qwen", "http://gpu-box:8000/v1", "")
    ]


def test_a_gateway_and_a_server_of_ones_own_have_an_address_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ANDON_COMPATIBLE_BASE_URL the other one belongs to PROVIDER again."""
    monkeypatch.setenv("PROVIDER", "openai")
    monkeypatch.setenv("API_KEY", "k")
    monkeypatch.setenv("ANDON_BASE_URL", "https://gateway.plant.example/v1")
    monkeypatch.setenv("ANDON_COMPATIBLE_BASE_URL", "http://gpu-box:8000/v1")
    monkeypatch.setenv("ANDON_FALLBACK", "vllm:qwen,claude")
    assert [(access.provider, access.base_url, access.address_setting) for access in accesses()] == [
        ("OPEN_AI", "https://gateway.plant.example/v1", "ANDON_BASE_URL"),
        ("OPENAI_COMPATIBLE", "http://gpu-box:8000/v1", "ANDON_COMPATIBLE_BASE_URL"),
        ("CLAUDE", "", "ANDON_BASE_URL"),
    ]


def test_a_fallback_without_its_model_says_where_to_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """MODEL belongs to PROVIDER."""
    from andon.explain.model.fallback import build_analyst

    monkeypatch.setenv("ANDON_BASE_URL", "http://gpu-box:8000/v1")
    monkeypatch.setenv("ANDON_FALLBACK", "vllm")
    with pytest.raises(ConfigError, match=r"needs ANDON_FALLBACK=OPENAI_COMPATIBLE:model: set it"):
        build_analyst(load_settings())


def test_who_is_configured_is_no_fallback_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its model by default or by name: the same question would meet the same failure; another model is another."""
    monkeypatch.setenv("ANDON_FALLBACK", "OLLAMA,ollama:deepseek-r1:1.5b,ollama:llama3.2,PLAYBOOK")
    assert [tuple(member) for member in load_settings().fallback_members] == [("OLLAMA", "llama3.2"), ("PLAYBOOK", "")]


def test_a_model_file_may_be_named_from_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No shell reads what stands in ``.env``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANDON_GGUF", "~/models/a.gguf")
    monkeypatch.setenv("ANDON_MMPROJ", "~nobody-at-all/b.gguf")
    settings = load_settings()
    assert settings.gguf == tmp_path / "models" / "a.gguf"
    assert settings.mmproj == Path("~nobody-at-all/b.gguf")


def test_a_question_and_its_answer_fit_into_ollamas_default_context() -> None:
    """Ollama drops the beginning of what does not fit, so nobody must have to raise its context first."""
    from andon.explain.model.prompts import DEFAULT_BUDGET
    from andon.explain.providers.ollama_models import DEFAULT_CONTEXT

    settings = load_settings()
    assert settings.model_prompt_tokens + settings.model_max_tokens <= DEFAULT_CONTEXT
    assert settings.model_prompt_tokens == DEFAULT_BUDGET


def test_a_site_that_sets_nothing_asks_in_andons_own_words() -> None:
    """Explanations of such a site carry the plain version of the prompt, not that of words of its own."""
    from andon.explain.model.prompts import PROMPT_VERSION, prompt_version

    settings = load_settings()
    assert prompt_version(settings.agent_name, settings.agent_instructions) == PROMPT_VERSION


@pytest.mark.parametrize("key", ["sk-canary\nX", "sk-canary\u2026", "sk-canary-schl\u00fcssel", "sk-canary\x07"])
@pytest.mark.parametrize("setting", ["API_KEY", "ANTHROPIC_API_KEY", "ANDON_CLOUDFLARE_TOKEN", "ANDON_AZURE_AD_TOKEN"])
def test_a_key_that_cannot_be_sent_is_said_at_start(setting: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was copied with something that does not belong to it; the sentence does not show it."""
    monkeypatch.setenv(setting, key)
    with pytest.raises(ConfigError, match=f"^{setting}.* contains a character that a key cannot have") as error:
        load_settings()
    assert "canary" not in str(error.value)


def test_spaces_around_a_key_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break at the end of a file, for example."""
    monkeypatch.setenv("API_KEY", " sk-canary\n")
    assert load_settings(provider="OPEN_AI").key_of("OPEN_AI") == "sk-canary"


@pytest.mark.parametrize("encoding", ["cp1252", "GBK", "Shift-JIS", "utf-8"])
def test_an_encoding_is_one_of_texts(encoding: str) -> None:
    """By any of its names."""
    assert load_settings(encoding=encoding).encoding in ("cp1252", "gbk", "shift_jis", "utf-8")


@pytest.mark.parametrize("encoding", ["klingon", "hex", "rot13", ""])
def test_what_is_no_encoding_of_texts_is_refused(encoding: str) -> None:
    """With the names that do."""
    with pytest.raises(ConfigError, match=r"ANDON_ENCODING.*not an encoding; use a name such as cp1252"):
        load_settings(encoding=encoding)


def test_a_table_of_the_environment_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file says of the same setting does not count then, nor does it name the mistake."""
    (tmp_path / "andon.toml").write_text('[[files]]\npaths = ["/a.log"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDON_FILES", '[{"path": "/b.log"}]')
    with pytest.raises(ConfigError, match=r"ANDON_FILES, entry 1, paths is missing"):
        load_settings()
    monkeypatch.delenv("ANDON_FILES")
    (tmp_path / ".env").write_text('ANDON_FILES=[{"path": "/b.log"}]\n')
    with pytest.raises(ConfigError, match=r"ANDON_FILES, entry 1, paths is missing"):
        load_settings()
