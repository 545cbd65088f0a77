"""OpenTelemetry's SDKs send while Andon is killed twice: what they were told is taken is stored, and stored once."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from producers.programs_at_work import PROGRAMS, Program, promised_and_stored
from support.ports import free_ports
from support.service import Andon, listening, until

pytestmark = pytest.mark.producers
#: The version of the collector's modules.
COLLECTOR = "v0.165.0"


@pytest.fixture(scope="session")
def python_sdk(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A Python with the SDK, and its version."""
    place = tmp_path_factory.mktemp("python-sdk")
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    packages = ["opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, timeout=300)
    listed = subprocess.run([python, "-m", "pip", "list"], check=True, timeout=60, capture_output=True, text=True)
    print(*(line for line in listed.stdout.splitlines() if line.startswith("opentelemetry-")), sep="\n")
    return [python, str(PROGRAMS / "otlp_sdk.py")]


@pytest.fixture(scope="session")
def js_sdk(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The program beside the SDK for JavaScript."""
    place = tmp_path_factory.mktemp("js-sdk")
    names = ("sdk-logs", "exporter-logs-otlp-http", "api-logs", "resources")
    packages = [f"@opentelemetry/{name}" for name in names]
    subprocess.run(["npm", "install", "--silent", "--prefix", str(place), *packages], check=True, timeout=300)
    script = place / "otlp_sdk.js"
    script.write_bytes((PROGRAMS / "otlp_sdk.js").read_bytes())
    subprocess.run(["npm", "ls", "--prefix", str(place)], check=True, timeout=60)
    return ["node", str(script)]


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> str:
    """OpenTelemetry's collector, built of its own modules: OTLP in, OTLP over HTTP out. Takes minutes."""
    place = tmp_path_factory.mktemp("collector")
    (place / "main.go").write_bytes((PROGRAMS / "collector" / "main.go").read_bytes())
    modules = ("otelcol", "receiver/otlpreceiver", "exporter/otlphttpexporter")
    wanted = [f"go.opentelemetry.io/collector/{name}@{COLLECTOR}" for name in modules]
    wanted.append("go.opentelemetry.io/collector/confmap/provider/fileprovider@latest")
    for command in (["go", "mod", "init", "trial"], ["go", "get", *wanted], ["go", "build"]):
        subprocess.run(command, cwd=place, check=True, timeout=900, capture_output=True)
    return str(place / "trial")


@contextmanager
def collecting(program: str, place: Path, target: str) -> Iterator[str]:
    """A collector at work that sends to ``target``; where it takes logs."""
    (port,) = free_ports(1)
    config = place / "collector.json"
    config.write_text(
        json.dumps(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
                "exporters": {
                    "otlphttp": {
                        "logs_endpoint": target,
                        "retry_on_failure": {"max_elapsed_time": "0s", "max_interval": "5s"},
                    }
                },
                "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["otlphttp"]}}},
            }
        )
    )
    with (place / "collector.log").open("wb") as log:
        process = subprocess.Popen([program, "--config", str(config)], stdout=log, stderr=log)
        try:
            until(lambda: listening(port), "the collector")
            yield f"http://127.0.0.1:{port}/v1/logs"
        finally:
            process.terminate()
            process.wait(60)


def test_what_a_collector_took_is_stored_once(
    collector: str, python_sdk: list[str], service: Callable[..., Andon], tmp_path: Path
) -> None:
    """It keeps what it cannot deliver and tries again for ever; the program behind it notices nothing."""
    (port,) = free_ports(1)
    andon = service(ANDON_OTLP_PORT=str(port))
    with collecting(collector, tmp_path, f"http://127.0.0.1:{port}/v1/logs") as address:
        with Program([*python_sdk, address], tmp_path / "promised") as program:
            outcome = promised_and_stored(andon, program)
    print(f"collector {COLLECTOR}", outcome)
    assert len(outcome.promised) == len(outcome.stored) == outcome.sent
    assert outcome.twice == 0


@pytest.mark.parametrize("sdk", ["python_sdk", "js_sdk"])
def test_what_an_sdk_was_promised_is_stored_once(
    sdk: str, request: pytest.FixtureRequest, service: Callable[..., Andon], tmp_path: Path
) -> None:
    """Python's tries again for as long as its timeout says, so nothing is lost; that for JavaScript five times."""
    (port,) = free_ports(1)
    command: Any = request.getfixturevalue(sdk)
    andon = service(ANDON_OTLP_PORT=str(port))
    with Program([*command, f"http://127.0.0.1:{port}/v1/logs"], tmp_path / "promised") as program:
        outcome = promised_and_stored(andon, program)
    print(sdk, sys.version_info[:2], outcome)
    assert outcome.promised <= outcome.stored
    assert outcome.twice == 0
    assert len(outcome.stored) == outcome.sent or sdk == "js_sdk"
