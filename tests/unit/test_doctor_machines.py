"""What ``andon doctor`` says of machines that are asked: those that answer, those that do not, and what is missing."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.app.doctor import machine_checks
from andon.core import extras
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from support.mtconnect_agent import FakeAgent, condition, streams
from support.ports import free_ports


def checked(place: Path, *urls: str) -> list[CheckResult]:
    """The checks of these adapters and agents."""
    return machine_checks.mtconnect(Settings(data_dir=place, mtconnect=[{"url": url} for url in urls]))  # type: ignore[list-item]


@contextmanager
def agent() -> Iterator[str]:
    """The address of an agent, in a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made = FakeAgent()
    made.current = streams(condition("Normal"), condition("Fault", code="1"))
    asyncio.run_coroutine_threadsafe(made.__aenter__(), loop).result()
    try:
        yield made.url
    finally:
        asyncio.run_coroutine_threadsafe(made.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_adapters_and_agents_are_tried(tmp_path: Path) -> None:
    [closed] = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as adapter, agent() as url:
        found = checked(tmp_path, f"shdr://127.0.0.1:{adapter.getsockname()[1]}", url, f"shdr://127.0.0.1:{closed}")
    assert [(one.name, one.ok) for one in found] == [("mtconnect", True), ("mtconnect", True), ("mtconnect", False)]
    assert "reports 2 conditions" in found[1].detail
    assert "Connection refused" in found[2].detail
    assert f"andon sources browse shdr://127.0.0.1:{closed}" in found[2].remedy


def test_nothing_is_said_where_nothing_is_configured(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert machine_checks.mtconnect(settings) == machine_checks.opcua(settings) == []


def test_a_missing_library_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_module: str) -> Any:
        return False

    monkeypatch.setattr(extras, "_installed", none)
    [found] = machine_checks.opcua(Settings(data_dir=tmp_path, opcua=[{"url": "opc.tcp://press-4"}]))  # type: ignore[list-item]
    assert found.ok is False
    assert "asyncua, which is not installed: run `" in found.detail
