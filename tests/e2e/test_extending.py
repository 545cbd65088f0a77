"""The programs of docs/extending.md, run as it shows them beside a real service; its packages have tests of their own."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.patience import PATIENCE
from support.service import Andon, log, running, until

EXTEND = Path(__file__).parents[2] / "examples" / "extend"


@contextmanager
def program(service: Andon, name: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The example as a process of its own, and the lines that it says."""
    environment = {**service.environment, "NATS_URL": f"nats://127.0.0.1:{service.nats_port}"}
    command, pipe = [sys.executable, str(EXTEND / name)], subprocess.PIPE
    said: list[str] = []
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        listening = threading.Thread(target=said.extend, args=(iter(process.stdout.readline, ""),))
        listening.start()
        try:
            yield process, said
        finally:
            process.terminate()
            listening.join(PATIENCE)


def test_a_lamp_says_what_is_critical(tmp_path: Path) -> None:
    """A probe on its subject tells when it listens; what is only an ERROR it leaves alone."""
    probe = {"analysis": "is heard", "log": {"hostname": "a probe"}}
    with running(tmp_path) as service, program(service, "lamp.py") as (_, said):

        def listens() -> bool:
            service.publish(probe, subject="agent.analysis.CRITICAL")
            return bool(said)

        until(listens, "the lamp listens")
        service.publish(log("Spindle noise"), log("Hydraulic oil over temperature, 93 C", severity="CRITICAL"))
        until(lambda: any("press-01" in line for line in said), "the lamp says it")
        until(lambda: service.count("analyses", "status = 'done'") == 2, "both are explained")
    assert "a probe: is heard\n" in said
    (line,) = (line for line in said if "a probe" not in line)
    assert line.startswith("press-01: ")
    assert "Oil" in line


def test_a_scale_sends_what_it_says_once_also_before_andon_is_there(tmp_path: Path) -> None:
    """It starts first; each line is one log of its place."""
    with running(tmp_path, start=False) as service, program(service, "scale.py") as (scale, _):
        assert scale.stdin is not None
        scale.stdin.write("Zero point lost\nOverload 61 kg\n")
        scale.stdin.close()
        service.start()
        until(lambda: service.count() == 2, "both lines are stored")
        scale.wait(PATIENCE)
        rows = service.sql("SELECT message, hostname, severity, site, line, machine FROM logs ORDER BY id")
    assert rows == [
        ("Zero point lost", "scale-2", "ERROR", "graz", "l3", "scale-2"),
        ("Overload 61 kg", "scale-2", "ERROR", "graz", "l3", "scale-2"),
    ]
