"""What speaks HTTP by itself: curl, a handler for Splunk's collector, and Alertmanager."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from producers.programs_at_work import PROGRAMS, Program, promised_and_stored
from producers.trial import killed_twice
from support.environment import without_proxy
from support.ports import free_ports
from support.service import Andon, until

pytestmark = pytest.mark.producers


def test_what_curl_was_promised_is_stored_once(service: Callable[..., Andon], tmp_path: Path) -> None:
    """It tries again with the same Idempotency-Key."""
    andon = service()
    url = f"http://127.0.0.1:{andon.http_port}/api/logs?host=press-4&service=drives"
    with Program(["bash", str(PROGRAMS / "curl_lines.sh"), url], tmp_path / "promised") as program:
        outcome = promised_and_stored(andon, program)
    subprocess.run(["curl", "--version"], check=True)
    print(outcome)
    assert len(outcome.promised) == len(outcome.stored) == outcome.sent
    assert outcome.twice == 0


def test_splunks_collector_takes_at_least_once(service: Callable[..., Andon], tmp_path: Path) -> None:
    """Its protocol has no way to tell a request that comes again: such a batch is stored twice, and none is lost."""
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "splunk-handler"], check=True, timeout=300)
    subprocess.run([python, "-m", "pip", "show", "splunk-handler"], check=True)
    andon = service()
    with Program([python, str(PROGRAMS / "splunk_logging.py"), str(andon.http_port)], tmp_path / "told") as program:
        outcome = killed_twice(andon, program.send)
        program.finish()
    print(outcome)
    assert outcome.stored == outcome.sent


@contextmanager
def alertmanager(place: Path, url: str) -> Iterator[str]:
    """Debian's Alertmanager, which sends to ``url``; its own address."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program is not None, "apt-get install prometheus-alertmanager"
    ports = free_ports(2)
    config = place / "alertmanager.yml"
    config.write_text(
        "route: {receiver: andon, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}\n"
        f"receivers: [{{name: andon, webhook_configs: [{{url: '{url}', send_resolved: true}}]}}]\n"
    )
    command = [
        program, f"--config.file={config}", f"--storage.path={place / 'data'}",
        f"--web.listen-address=127.0.0.1:{ports[0]}", "--cluster.listen-address=",
    ]  # fmt: skip
    subprocess.run([program, "--version"], check=True)
    with (place / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{ports[0]}"
            until(lambda: _answers(f"{address}/-/ready"), "Alertmanager")
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        with without_proxy().open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _tell(address: str, numbers: range, *, over: bool) -> None:
    """Alerts of so many drives: firing, or over."""
    now = time.time()
    alerts = [
        {
            "labels": {"alertname": "DriveSilent", "instance": f"drive-{number}:9100", "severity": "critical"},
            "annotations": {"summary": f"no answer from drive {number}"},
            "startsAt": _text(now - 60),
            **({"endsAt": _text(now - 1)} if over else {"endsAt": _text(now + 3_600)}),
        }
        for number in numbers
    ]
    request = urllib.request.Request(
        f"{address}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
    )
    with without_proxy().open(request, timeout=10) as answer:
        assert answer.status == 200


def _text(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def test_alerts_stand_as_alertmanager_says(service: Callable[..., Andon], tmp_path: Path) -> None:
    """Fifty alerts fire, forty are resolved while Andon is away: ten alarms are active at the end."""
    andon = service()

    def active() -> set[str]:
        status, body = andon.get("/api/alarms?list=active&limit=1000")
        found: list[Any] = json.loads(body)["items"] if status == 200 else []
        return {one["hostname"] for one in found if one["code"] == "DriveSilent"}

    with alertmanager(tmp_path, f"http://127.0.0.1:{andon.http_port}/api/webhooks/alertmanager") as address:
        _tell(address, range(25), over=False)
        andon.until(lambda: len(active()) == 25, "25 active alarms")
        andon.kill()
        _tell(address, range(25, 50), over=False)
        time.sleep(3)
        andon.start()
        andon.until(lambda: len(active()) == 50, "50 active alarms", 90)
        andon.kill()
        _tell(address, range(40), over=True)
        time.sleep(3)
        andon.start()
        wanted = {f"drive-{number}" for number in range(40, 50)}
        andon.until(lambda: active() == wanted, "10 active alarms", 120)
        print(f"active at the end: {len(active())} of 50")
