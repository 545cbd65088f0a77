"""OTLP over HTTP as a way in that is measured: its listener over whatever outlet it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from andon.app.background.source_keeper import Intake
from andon.app.web.access import Access
from andon.app.web.intake.listener import OtlpListener
from andon.app.web.intake.otlp_intake import OtlpIntake
from andon.app.web.intake.reception import Reception
from andon.core.settings.settings import load_settings
from andon.ingest.sources.otlp_logs import severity_reader
from andon.ingest.sources.outlet import Outlet


class _Given:
    """In the place of a service's intake."""

    open = True

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def outlet(self, _name: str, _address: Callable[[], str]) -> Outlet:
        return self._outlet


class OtlpSource:
    """Listens at ``port``."""

    name = "otlp"

    def __init__(self, port: int) -> None:
        self._port = port
        self.address = f"http://127.0.0.1:{port}/v1/logs"

    async def run(self, outlet: Outlet) -> None:
        """Hear until cancelled."""
        reception = Reception(lambda: cast("Intake", _Given(outlet)), lambda: "")
        intake = OtlpIntake(reception, severity_reader())
        await OtlpListener(load_settings(otlp_port=self._port), intake, Access(open=True)).run(outlet)
