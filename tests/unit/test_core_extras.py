"""What is said where an optional library is missing: a command that works where Andon runs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from andon.core import extras
from andon.core.errors import ConfigError

ROOT = Path(__file__).parents[2]


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in modules else find(name))


def elsewhere(monkeypatch: pytest.MonkeyPatch, prefix: str = "/srv/my plant") -> None:
    """We run in an environment that is not the checkout's."""
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sys, "executable", f"{prefix}/bin/python")


def test_every_extra_has_its_module() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.MODULES) == set(declared) - {"all", "dev"}


def test_an_extra_under_the_lgpl_is_installed_only_where_it_is_asked_for() -> None:
    """In no lock, and in no extra that joins others; where it is asked for its hashes are known."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "asyncua==2.1.*" in declared["opcua"]
    assert "opcua" not in declared["all"][0]
    assert [name for name, needed in declared.items() if any("asyncua" in one for one in needed)] == ["opcua"]
    assert all(
        "asyncua" not in (ROOT / lock).read_text() for lock in ("requirements.lock", "requirements-runtime.lock")
    )
    assert re.search(
        r"^asyncua==2\.1\.\d+ \\\n +--hash=sha256:", (ROOT / "requirements-opcua.txt").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize("extra", sorted(set(extras.MODULES) - {"opcua"}))
def test_an_extra_that_is_there_is_not_complained_about(extra: str) -> None:
    extras.require(extra, "a test")


def test_the_error_says_who_needs_what_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "azure.identity")
    with pytest.raises(ConfigError) as caught:
        extras.require("azure-ad", "PROVIDER=AZURE_AD")
    assert str(caught.value) == (
        "PROVIDER=AZURE_AD needs the library azure.identity, which is not installed: "
        f"run `{extras.install_command('azure-ad')}`"
    )


@pytest.mark.parametrize("extra", extras.MODULES)
def test_an_environment_of_ones_own_gets_what_the_project_asks_for(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry has Andon: the libraries are named, quoted for the shell."""
    elsewhere(monkeypatch)
    python, *pip, needed = shlex.split(extras.install_command(extra))
    assert (python, pip) == ("/srv/my plant/bin/python", ["-m", "pip", "install"])
    [declared] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    assert sorted(needed) == sorted(declared)  # setuptools puts the bounds in another order


def test_an_environment_without_pip_is_filled_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere(monkeypatch, "/srv/andon")
    without(monkeypatch, "pip")
    assert extras.install_command("mcp") == (
        "python3 -m pip --python /srv/andon/bin/python install 'pydantic-ai-slim[mcp]==2.68.*'"
    )


def test_a_checkout_takes_what_its_lock_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    assert extras.install_command("postgres") == f"make -C {shlex.quote(str(ROOT))} setup EXTRAS=postgres"
    makefile = (ROOT / "Makefile").read_text()
    assert "'.[$(EXTRAS)]'" in makefile


def test_the_image_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no pip, and nothing in it can be written."""
    elsewhere(monkeypatch, str(extras.IMAGE))
    without(monkeypatch, "pip")
    assert extras.install_command("parquet") == "EXTRAS=parquet docker compose up -d --build"
    assert f"venv --without-pip {extras.IMAGE}" in (ROOT / "Dockerfile").read_text()
    assert "ARG EXTRAS=" in (ROOT / "Dockerfile").read_text()
    assert "EXTRAS: ${EXTRAS:-}" in (ROOT / "docker-compose.yml").read_text()


def test_sources_that_were_never_installed_are_named_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    elsewhere(monkeypatch)
    monkeypatch.setattr(importlib.metadata, "requires", unknown)
    assert shlex.split(extras.install_command("mcp"))[-1] == f"{ROOT}[mcp]"
