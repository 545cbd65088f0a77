"""``andon run`` with EMBEDDED: a log is explained by a model file of the site's own, whatever happens to the engine."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.engines import alive
from support.gguf import random_model
from support.service import Andon, log, running, until

#: Calls that the engine answered, whatever a model of random weights made of them.
ANSWERS = re.compile(r'^andon_model_calls_total\{result="(?:answered|worthless|refused)"\} (\d+)', re.MULTILINE)


@pytest.fixture
def andon(tmp_path: Path) -> Iterator[Andon]:
    """A service with a tiny model file, ready."""
    gguf = random_model(tmp_path / "plant.gguf")
    settings = {"PROVIDER": "EMBEDDED", "MODEL": "", "ANDON_GGUF": str(gguf), "ANDON_GGUF_THREADS": "1"}
    with running(tmp_path, **settings) as service:
        yield service


def answered(andon: Andon, message: str) -> None:
    """Publish a log and wait until the model has answered once more."""

    def answers() -> int:
        return sum(map(int, ANSWERS.findall(andon.get("/metrics")[1])))

    before = answers()
    andon.publish(log(message))
    andon.until(lambda: answers() > before, "the model's answer")


def engine_of(andon: Andon) -> int:
    """The process id of the service's engine."""
    assert andon.process is not None

    def find() -> int:
        for entry in Path("/proc").iterdir():
            try:
                mine = f"PPid:\t{andon.process.pid}\n" in (entry / "status").read_text()  # type: ignore[union-attr]
                if mine and b"llama_cpp/child.py" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except OSError:
                continue
        return 0

    return until(find, "the engine's process")


def test_the_service_outlives_its_engine_and_takes_the_next_one_along(andon: Andon) -> None:
    """A log is answered; after kill -9 of the engine the next one is answered by another engine, which SIGTERM ends."""
    answered(andon, "SV0401 servo overload on axis X")
    first = engine_of(andon)
    os.kill(first, signal.SIGKILL)
    answered(andon, "disk sda1 of mes-01 is full")
    second = engine_of(andon)
    assert second != first
    assert andon.get("/readyz")[0] == 200
    assert andon.stop() == 0
    assert not alive(second)


def test_the_engine_does_not_outlive_the_service(andon: Andon) -> None:
    """Kill -9 of the service takes the engine with it."""
    engine = engine_of(andon)
    andon.kill()
    until(lambda: not alive(engine), "the engine's end")
