"""``andon models``: what models there are for the configured provider, and fetching one into Ollama."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from andon.app.cli.output import command_settings, console, errors, plain, print_json, print_listing
from andon.core.errors import ConfigError
from andon.core.settings.provider_names import DEFAULT_MODELS
from andon.core.threads import in_daemon_thread
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from andon.explain.providers.ollama_models import OllamaAdmin

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.explain.providers.ollama_models import OllamaDetails, PullStep

app = typer.Typer(
    help="The models of OLLAMA and EMBEDDED: list, show, pull.", invoke_without_command=True, add_completion=False
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="The model, such as llama3.2:3b; the configured one unless given."),
]


@app.callback()
def models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the models of the configured Ollama, or the model file of EMBEDDED.

    Example: andon models, then andon models pull
    """
    if context.invoked_subcommand is None:
        list_models(as_json)


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the models of the configured Ollama, or the model file of EMBEDDED."""
    list_models(as_json)


@app.command("show")
def show_command(name: NameArgument = None, as_json: JsonOption = False) -> None:
    """Show a model: size, abilities, and the context it works with. An EMBEDDED file is loaded for that.

    Example: andon models show deepseek-r1:1.5b
    """
    settings = command_settings()
    if is_embedded(settings):
        facts = asyncio.run(load_file(settings))
        if as_json:
            print_json(facts)
        else:
            print_facts({name.replace("_", " "): worded(name, value) for name, value in facts.items()})
        return

    async def ask() -> OllamaDetails:
        async with ollama(settings) as admin:
            return await admin.show(name or configured(settings))

    details = asyncio.run(ask())
    if as_json:
        print_json(details)
        return
    trained = f"; the model can take {details.trained_for:,}" if details.trained_for else ""
    print_facts(
        {
            "name": details.name,
            "family": details.family,
            "parameters": details.parameters,
            "quantization": details.quantization,
            "abilities": ", ".join(details.capabilities) or None,
            "context": f"{details.context:,} tokens, {details.context_from}{trained}",
        }
    )


@app.command("pull")
def pull_command(
    name: NameArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each report as a line of JSON.")] = False,
) -> None:
    """Fetch a model into Ollama, with its progress. What has come stays: run it again to go on.

    Example: andon models pull deepseek-r1:1.5b
    """
    settings = command_settings()
    if is_embedded(settings):
        raise refusal(settings, "its model is the file that ANDON_GGUF names: copy one there yourself")
    wanted = name or configured(settings)
    try:
        asyncio.run(pull(settings, wanted, as_json=as_json))
    except KeyboardInterrupt:
        errors.print(plain(f"Stopped. `andon models pull {wanted}` goes on where it stopped."))
        raise


def list_models(as_json: bool) -> None:
    """Print the models that the configured provider has."""
    settings = command_settings()
    if is_embedded(settings):
        files = [file_facts("model", settings.gguf), file_facts("mmproj", settings.mmproj)]
        shown = [file for file in files if file is not None]
        if not shown:
            raise refusal(settings, "set ANDON_GGUF to the path of its model, a GGUF file")
        if as_json:
            print_json(shown)
            return
        print_listing(
            ["KIND", "NAME", "SIZE>", "FILE"],
            [[f["kind"], f["name"], size_text(f["size"]) if f["size"] else "missing", f["path"]] for f in shown],
        )
        return

    async def ask() -> list[Any]:
        async with ollama(settings) as admin:
            return list(await admin.models(configured(settings)))

    found = asyncio.run(ask())
    if as_json:
        print_json(found)
        return
    if found:
        print_listing(
            ["NAME", "SIZE>", "PARAMETERS>", "QUANTIZATION", "IN MEMORY", "CONFIGURED"],
            [
                [
                    model.name,
                    size_text(model.size),
                    model.parameters or "-",
                    model.quantization or "-",
                    "yes" if model.loaded else "",
                    "yes" if model.configured else "",
                ]
                for model in found
            ],
        )
    if not any(model.configured for model in found):
        missing = configured(settings)
        console.print(plain(f"The configured model {missing} is not there: andon models pull {missing}"))


async def pull(settings: Settings, name: str, *, as_json: bool) -> None:
    """Fetch ``name`` and show how far it is. Raises ModelError."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    async with ollama(settings) as admin, contextlib.aclosing(admin.pull(name)) as steps:
        if as_json:
            async for step in steps:
                sys.stdout.write(msgspec.json.encode(step).decode() + "\n")
                sys.stdout.flush()
            return
        with Progress(*columns, console=errors) as progress:
            bar = PullBar(progress)
            async for step in steps:
                bar.show(step)
    console.print(plain(f"Ollama has {name}."))


class PullBar:
    """One bar over all layers of a download; without a terminal a line for each new step and each tenth."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("asking Ollama", total=None)
        self._layers: dict[str, tuple[int, int]] = {}
        self._told = ""

    def show(self, step: PullStep) -> None:
        """Take a step into the bar."""
        if step.digest is not None and step.total:
            self._layers[step.digest] = (min(step.completed or 0, step.total), step.total)
        done = sum(completed for completed, _ in self._layers.values())
        total = sum(size for _, size in self._layers.values())
        words = step.status.partition(" sha256:")[0]
        words = "fetching" if step.digest is not None else words
        self._progress.update(self._task, description=words, completed=done, total=total or None)
        if step.digest is not None and total:
            words = f"{words} {10 * (10 * done // total)}% of {size_text(total)}"
        if not self._progress.console.is_terminal and words != self._told:
            self._progress.console.print(words, markup=False)
        self._told = words


def is_embedded(settings: Settings) -> bool:
    """Whether the models in question are files rather than Ollama's."""
    return settings.provider == "EMBEDDED"


def configured(settings: Settings) -> str:
    """The model asked of Ollama, as the provider or as a fallback. Raises ConfigError where Ollama is neither."""
    if settings.provider == "OLLAMA":
        return settings.model_name
    for member in settings.fallback_members:
        if member.provider == "OLLAMA":
            return member.model or DEFAULT_MODELS["OLLAMA"]
    needless = settings.provider == "PLAYBOOK"
    raise refusal(settings, "it needs no model" if needless else "its models are not managed from here")


def refusal(settings: Settings, reason: str) -> ConfigError:
    """The error that says what these commands are for."""
    return ConfigError(
        f"PROVIDER is {settings.provider}: {reason}. For a model of Ollama set PROVIDER=OLLAMA, and OLLAMA_HOST to "
        "where it runs."
    )


def ollama(settings: Settings) -> OllamaAdmin:
    """The native API of the configured Ollama. Raises ConfigError where it is not configured."""
    model = configured(settings)
    return OllamaAdmin(host=settings.ollama_host, api_key=settings.key_of("OLLAMA"), model=model)


def file_facts(kind: str, path: Path | None) -> dict[str, Any] | None:
    """A configured model file; None where none is configured, a size of None where it is not there."""
    if path is None:
        return None
    size = path.stat().st_size if path.is_file() else None
    return {"kind": kind, "name": path.stem, "path": str(path), "size": size}


async def load_file(settings: Settings) -> dict[str, Any]:
    """Load the configured file in a child process and say what it is. Raises ConfigError or ModelError."""
    backend = EmbeddedBackend(
        gguf=settings.gguf,
        mmproj=settings.mmproj,
        threads=settings.gguf_threads,
        context=settings.gguf_context,
        timeout=settings.model_cold_deadline,
        model=settings.model,
    )
    try:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=errors, transient=True) as progress:
            progress.add_task(f"loading {settings.gguf}", total=None)
            await in_daemon_thread(backend.build, "provider-import")
            return await backend.describe()
    finally:
        await backend.close()


def print_facts(facts: dict[str, Any]) -> None:
    """One fact a line; what is not known is left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        if value is not None:
            table.add_row(plain(name), plain(str(value)))
    console.print(table)


def worded(name: str, value: Any) -> str | None:
    """A fact about a model file for people; None where it is not known."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("size", "memory"):
        return size_text(value)
    if name in ("context", "trained_for"):
        return f"{value:,} tokens"
    return f"{value:,}" if isinstance(value, int) else str(value)


def size_text(size: int | None) -> str:
    """A number of bytes for people."""
    if size is None:
        return "-"
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
