"""Providers that installed packages bring: their names, their settings, and what goes wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.core.errors import ConfigError, ModelMisconfigured
from andon.core.settings.providers import PROVIDERS, outside_providers, provider_name
from andon.core.settings.settings import load_settings
from andon.explain.providers.backend import Access, imported
from andon.explain.providers.registry import BUILT_IN, build_backend, build_backends
from support.packages import install, install_the_documented_one
from support.settings import settings_of


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of installed packages, which this process looks into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    outside_providers.cache_clear()
    yield tmp_path
    outside_providers.cache_clear()


def test_every_built_in_provider_has_its_row() -> None:
    """What the settings know is what can be built; PLAYBOOK needs no backend."""
    assert set(BUILT_IN) == set(PROVIDERS) - {"PLAYBOOK"}


def test_a_name_from_outside_is_read_like_any(packages: Path) -> None:
    """Case and separators do not matter; a name of Andon's own cannot be taken away."""
    install(packages, "one_andon", "", name="one", entry="north-wind = one_andon:Made\nclaude = one_andon:Made")
    assert provider_name("North Wind") == "NORTH_WIND"
    assert provider_name("claude") == "CLAUDE"
    assert set(outside_providers()) == {"NORTH_WIND"}


def test_a_fallback_from_outside_has_its_own_model_key_and_address(packages: Path) -> None:
    """API_KEY and ANDON_BASE_URL belong to PROVIDER: nobody else's key is sent to a stranger."""
    install_the_documented_one(packages)
    settings = settings_of(
        provider="OPEN_AI",
        api_key="key-of-openai",
        base_url="http://gateway.example/v1",
        fallback="acme:acme-large",
        provider_options={"acme": {"plant": "Graz", "api_key": "key-of-acme"}},
    )
    _, backend = build_backends(settings)
    assert (backend.provider, backend.model) == ("ACME", "acme-large")
    assert (backend.place.url, backend.place.api_key) == ("https://models.acme.example/v1", "key-of-acme")
    assert "key-of" not in repr(settings) + repr(backend.access) + repr(backend.place)
    without = settings.model_copy(update={"provider_options": {"ACME": {"plant": "Graz"}}})
    with pytest.raises(ConfigError, match="ANDON_FALLBACK: PROVIDER=ACME needs ANDON_PROVIDER_OPTIONS: set it"):
        build_backends(without)


def test_options_are_for_providers_that_there_are(packages: Path) -> None:
    """A slip in the name of the table is told; Andon's own providers have settings."""
    install_the_documented_one(packages)
    with pytest.raises(
        ConfigError, match="ANDON_PROVIDER_OPTIONS is 'acne', which is not a provider; did you mean ACME"
    ):
        load_settings(provider_options={"acne": {}})
    with pytest.raises(ConfigError, match="ANDON_PROVIDER_OPTIONS has CLAUDE, which has its own settings"):
        load_settings(provider_options={"claude": {"api_key": "k"}})
    with pytest.raises(ConfigError, match="ANDON_PROVIDER_OPTIONS") as caught:
        load_settings(provider_options={"acme": "s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("", "AttributeError: module 'acme_andon' has no attribute 'AcmeBackend'"),
        ("def AcmeBackend(access): return 7", "it makes a int, which is not a Backend"),
        ("def AcmeBackend(access): raise ValueError(f'{access.api_key} is odd')", "ValueError: [redacted] is odd"),
    ],
)
def test_what_a_broken_package_does_is_told(
    packages: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    """With the package's name, and without the key."""
    monkeypatch.delitem(sys.modules, "acme_andon", raising=False)
    install(packages, "acme_andon", code)
    with pytest.raises(ConfigError) as caught:
        build_backend(settings_of(provider="ACME", api_key="s3cret-key"))
    assert f"comes from the package acme-andon 1.0, which cannot be used ({reason}): update" in str(caught.value)


def test_two_packages_with_one_provider_are_told(packages: Path) -> None:
    """Nobody could say which of them is asked."""
    install(packages, "one_andon", "", name="one", entry="acme = one_andon:Made")
    install(packages, "other_andon", "", name="other", entry="ACME = other_andon:Made")
    with pytest.raises(ConfigError, match=r"PROVIDER=ACME comes from (one|other) 1.0 and (one|other) 1.0: uninstall"):
        build_backend(settings_of(provider="ACME"))


def test_a_model_that_a_package_cannot_build_is_a_refusal(packages: Path) -> None:
    """The service goes on without it."""
    install_the_documented_one(packages)
    settings = settings_of(provider="ACME", api_key="s3cret", provider_options={"acme": {"plant": "Graz"}})
    backend = build_backend(settings)
    assert backend is not None

    def broken() -> None:
        raise RuntimeError("no s3cret today")

    with pytest.raises(ModelMisconfigured, match=r"cannot build its model \(RuntimeError: no \[redacted\] today\)"):
        imported(broken, backend)  # type: ignore[arg-type]


def test_an_access_shows_no_secret() -> None:
    """It may stand in a log line."""
    settings = settings_of(api_key="s3cret", db_path="postgresql://u:s3cret@db/andon")
    assert "s3cret" not in repr(Access(settings, settings.configured))
