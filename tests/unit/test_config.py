"""Settings: where they come from, and one clear sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.config import load_settings
from andon.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without .env and andon.toml, and an environment without our names."""
    import os

    for name in list(os.environ):
        if name.startswith("ANDON_") or name in ("PROVIDER", "MODEL", "API_KEY", "NATS_URL", "DB_PATH", "OLLAMA_HOST"):
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
    ("name", "value", "sentence"),
    [
        ("ANDON_NATS_PORT", "70000", "ANDON_NATS_PORT=70000"),
        ("ANDON_NATS_PORT", "many", "ANDON_NATS_PORT=many"),
        ("ANDON_TIME_ZONE", "Mars/Base", "no time zone"),
        ("ANDON_DURABILITY", "sometimes", "'normal' or 'strict'"),
        ("ANDON_NATS_HOST", "0.0.0.0", "set ANDON_NATS_USER and ANDON_NATS_PASSWORD"),
        ("ANDON_HTTP_HOST", "0.0.0.0", "set ANDON_HTTP_TOKEN"),
        ("ANDON_CODE_FIELDS", "abc", "ANDON_CODE_FIELDS is not valid JSON"),
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
    from andon.patterns.fingerprint import Fingerprinter
    from andon.service import site_codes

    (empty_place / "andon.toml").write_text('code_patterns = ["ZX-[A-Z]{2}"]\ncode_fields = ["machine_state"]\n')
    fingerprint = Fingerprinter(site_codes(load_settings()))
    one, other = "Station 4 stopped by ZX-AB today", "Station 9 stopped by ZX-CD today"
    assert fingerprint(one, "plc", None).key != fingerprint(other, "plc", None).key
    states = [fingerprint("Station stopped by its own program", "plc", {"machine_state": s}).key for s in (17, 18)]
    assert states[0] != states[1]
    (empty_place / "andon.toml").write_text('code_patterns = ["("]\n')
    with pytest.raises(ConfigError):
        site_codes(load_settings())
