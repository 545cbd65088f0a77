"""A provider that an installed package brings, beside the service that asks it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.packages import install, install_the_documented_one
from support.providers.openai_api import CompatibleApi
from support.service import Andon, log, running, until


def andon(service: Andon, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command beside the service, or without one, and its texts."""
    done = service.cli(*arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where child processes find installed packages, beside those of this environment."""
    place = tmp_path / "packages"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH")))))
    return place


def test_the_documented_package_explains_problems(tmp_path: Path, packages: Path) -> None:
    """As docs/extending.md shows it: doctor finds it well, and an explanation is its own."""
    install_the_documented_one(packages)
    with CompatibleApi(model="acme-small", key="key-of-acme-123456") as api:
        settings = {"PROVIDER": "acme", "API_KEY": api.key, "ANDON_BASE_URL": f"{api.url}/v1"}
        settings["ANDON_PROVIDER_OPTIONS"] = json.dumps({"Acme": {"plant": "Graz"}})
        with running(tmp_path, **settings) as service:
            service.publish(log("Spindle drive over temperature"))
            asked = "SELECT provider, model, rung FROM analyses WHERE status = 'done'"
            explained = until(lambda: service.sql(asked), "explanation")
            checks = json.loads(andon(service, "doctor", "--json").stdout)
            models = andon(service, "models")
    assert explained == [("ACME", "acme-small", "model")]
    assert [check["detail"] for check in checks if check["name"] == "model"] == ["ACME answers; model acme-small"]
    assert "ACME counts as qualified: it is not measured" in models.stdout
    assert [request.headers["x-acme-plant"] for request in api.requests] == ["Graz"]


def test_what_a_package_needs_is_said_at_start(tmp_path: Path, packages: Path) -> None:
    """The sentence is the package's own."""
    install_the_documented_one(packages)
    service = Andon(tmp_path, PROVIDER="ACME", API_KEY="k")
    done = andon(service, "run")
    assert done.returncode == 1
    assert done.stderr.strip() == "andon: PROVIDER=ACME needs plant in [provider_options.acme]: set it and start again."


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_broken_package_is_one_sentence(code: str, said: str, tmp_path: Path, packages: Path) -> None:
    """It names the package and what it raised."""
    install(packages, "acme_andon", f"{code}\n")
    done = andon(Andon(tmp_path, PROVIDER="ACME"), "run")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"andon: PROVIDER=ACME comes from the package acme-andon 1.0, which cannot be used ({said}): update or correct "
        "that package, or choose another provider."
    )


def test_a_check_that_fails_in_its_own_way_is_one_sentence(tmp_path: Path, packages: Path) -> None:
    """Doctor goes on with its other checks, and shows no key."""
    code = """
from andon.explain.providers.backend import Capabilities
from andon.explain.providers.hosted import HostedBackend

class AcmeBackend(HostedBackend):
    def __init__(self, access):
        super().__init__(access, access.place("ACME", "http://127.0.0.1:9", "that ACME lists", model="m"))

    def build(self):
        from pydantic_ai.models.test import TestModel

        return TestModel()

    def known(self):
        return Capabilities()

    async def check(self):
        return {}[f"no {self.key} here"]
"""
    install(packages, "acme_andon", code)
    done = andon(Andon(tmp_path, PROVIDER="ACME", API_KEY="s3cret-of-acme"), "doctor", "--json")
    assert "Traceback" not in done.stderr
    checks = json.loads(done.stdout)
    assert [(check["ok"], check["detail"]) for check in checks if check["name"] == "model"] == [
        (False, "PROVIDER=ACME cannot be checked (KeyError: 'no [redacted] here'): correct or update its package.")
    ]
    assert len(checks) > 3


def test_nothing_is_imported_of_a_package_that_is_not_asked(tmp_path: Path, packages: Path) -> None:
    """Neither by a command nor to list the names in an error."""
    trace = tmp_path / "imported"
    install(packages, "acme_andon", f"open({str(trace)!r}, 'w').close()\n")
    fine = andon(Andon(tmp_path, PROVIDER="PLAYBOOK"), "doctor")
    wrong = andon(Andon(tmp_path, PROVIDER="ACMEE"), "doctor")
    assert "PLAYBOOK: built-in rules explain" in fine.stdout
    assert "did you mean ACME? there are OLLAMA, PLAYBOOK," in wrong.stderr
    assert wrong.stderr.strip().endswith("DEEPSEEK, ACME.")
    assert not trace.exists()
