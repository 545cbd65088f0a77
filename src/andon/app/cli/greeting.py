"""What ``andon run`` says on a terminal once it is ready: where everything is, who explains, and what to try."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from rich.text import Text

import andon
from andon.app.cli.output import console, plain, print_hanging
from andon.app.running_service import address
from andon.app.wiring import public
from andon.core.errors import ModelError, ModelMisconfigured

if TYPE_CHECKING:
    from andon.app.service import Service

_log = structlog.get_logger(__name__)

#: Seconds in which a model may say that it is there before the greeting goes without it.
_MODEL_ANSWERS = 3.0


async def greet(service: Service) -> None:
    """Print it. A terminal that is gone stops nothing."""
    model = await _model(service)
    try:
        _print(service, model)
    except OSError as error:
        _log.info("the terminal is gone", reason=str(error))


def _print(service: Service, model: str) -> None:
    settings = service.settings.model_copy(update={"http_port": service.http_port})
    data, database = settings.data_dir.absolute(), settings.database
    inside = isinstance(database, Path) and database.absolute().parent == data
    lines = {
        "Page": address(settings),
        "Broker": public(settings, service.broker),
        "Data": str(data) if inside else f"{data}, database {database}",
        "Model:": model,
    }
    console.print(Text(f"\nAndon {andon.__version__} is ready. Ctrl-C stops it.", style="bold"))
    for name, said in lines.items():
        print_hanging(_head(name), plain(said))
    # whole, wherever it breaks: it is there to be copied
    console.print(_head("Try:") + plain(f'{_command()} send "Pump P3 stopped" --wait\n'), soft_wrap=True)


def _head(name: str) -> Text:
    return Text(f"{name:<8}", style="bold")


async def _model(service: Service) -> str:
    """Who explains problems now, in one line."""
    analyst = service.analyst
    if analyst is None:
        return "none is configured, the playbook answers"
    name = "Ollama" if analyst.provider == "OLLAMA" else analyst.provider
    try:
        async with asyncio.timeout(_MODEL_ANSWERS):
            await analyst.check()
    except ModelMisconfigured as error:
        return f"{error} Until then the playbook answers."
    except ModelError:
        return f"{name} away, the playbook answers; `andon doctor` says why"
    except TimeoutError:
        return f"{name} has not answered yet, the playbook answers until it does"
    return f"{name} with {analyst.model}"


def _command() -> str:
    """How this program is called from here."""
    if shutil.which("andon"):
        return "andon"
    called = Path(sys.argv[0])
    return str(called) if called.name == "andon" else f"{sys.executable} -m andon"
