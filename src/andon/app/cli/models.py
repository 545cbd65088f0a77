"""``andon models``: what the configured models are worth, what models there are, and fetching one into Ollama."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

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

from andon.app.cli.filters import Json
from andon.app.cli.output import (
    Cell,
    command_settings,
    console,
    errors,
    plain,
    print_facts,
    print_json,
    print_listing,
)
from andon.app.cli.patience import waiting
from andon.app.cli.shapes import Group
from andon.core.errors import ConfigError
from andon.core.text import printable_json, shown_size
from andon.core.threads import in_daemon_thread
from andon.explain.providers.backend import Access
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from andon.explain.providers.ollama_models import OllamaAdmin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from andon.core.settings.settings import Settings
    from andon.explain.providers.ollama_models import OllamaModel, PullStep

T = TypeVar("T")

app = typer.Typer(cls=Group, invoke_without_command=True, add_completion=False)

NameArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="The model, such as llama3.2:3b (default: the configured one).")
]


@app.callback()
def models(context: typer.Context, as_json: Json = False) -> None:
    """Show what the configured models are worth; list, pull or measure models.

    Without a command, shows what the configured models are worth and lists the models of Ollama, or the model file of
    EMBEDDED. Rates come with the bounds of their 90 % interval; docs/models.md explains them.

    Example: andon models, then andon models pull
    """
    if context.invoked_subcommand is not None:
        return
    from andon.app.cli import model_trust

    settings = command_settings()
    trust = model_trust.of_settings(settings)
    if not as_json and settings.provider != "PLAYBOOK":
        model_trust.print_trust(trust)
    listed = has_list(settings) or settings.provider == "PLAYBOOK"
    found = print_models(settings, quiet=as_json) if listed else []
    if as_json:
        print_json(model_trust.as_entries(found, trust))


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the models of the configured Ollama, or the model file of EMBEDDED.

    Example: andon models list
    """
    found = print_models(command_settings(), quiet=as_json)
    if as_json:
        print_json(found)


def print_models(settings: Settings, *, quiet: bool) -> list[Any]:
    """Print the models of Ollama, or the files of EMBEDDED, unless ``quiet``, and return them."""
    if is_embedded(settings):
        paths = {"model": settings.gguf, "mmproj": settings.mmproj}
        files = [file_facts(kind, path) for kind, path in paths.items() if path is not None]
        if not files:
            raise refusal(settings, "set ANDON_GGUF to the path of its model, a GGUF file")
        if not quiet:
            print_facts(
                {f["kind"]: f"{f['path']} ({shown_size(f['size']) if f['size'] else 'missing'})" for f in files}
            )
        return files
    found = asyncio.run(answered(settings, lambda admin: admin.models(configured(settings))))
    if quiet:
        return found
    if found:
        names = ("NAME", "SIZE>", "PARAMETERS>", "QUANTIZATION", "IN MEMORY", "CONFIGURED")
        print_listing(names, map(model_row, found))
    if not any(model.configured for model in found):
        missing = configured(settings)
        console.print(plain(f"The configured model {missing} is missing. Get it with: andon models pull {missing}"))
    return found


def has_list(settings: Settings) -> bool:
    """Whether there are models to list: a file, or those of Ollama."""
    members = (settings.configured, *settings.fallback_members)
    return is_embedded(settings) or any(member.provider == "OLLAMA" for member in members)


@app.command("qualify")
def qualify_command(
    again: Annotated[bool, typer.Option("--again", help="Forget earlier answers and ask everything again.")] = False,
    as_json: Json = False,
) -> None:
    """Measure the configured models on labelled cases now, and show what they are worth.

    The service does this by itself, in the gaps between real questions. Each case is one call of the model. Ctrl-C
    keeps the answers so far.

    Example: andon models qualify
    """
    from andon.app.cli import model_trust

    model_trust.qualify(command_settings(), again=again, as_json=as_json)


@app.command("show")
def show_command(name: NameArgument = None, as_json: Json = False) -> None:
    """Show a model: size, abilities, and the context it works with. For EMBEDDED, this loads the file.

    Example: andon models show deepseek-r1:1.5b
    """
    settings = command_settings()
    if is_embedded(settings):
        facts = asyncio.run(load_file(settings))
        shown = {name.replace("_", " "): worded(name, value) for name, value in facts.items()}
        print_json(facts) if as_json else print_facts(shown)
        return
    details = asyncio.run(answered(settings, lambda admin: admin.show(name or configured(settings))))
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
            "abilities": ", ".join(details.capabilities),
            "context": f"{details.context:,} tokens, {details.context_from}{trained}",
        }
    )


@app.command("pull")
def pull_command(
    name: NameArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each step as a line of JSON.")] = False,
) -> None:
    """Pull a model into Ollama and show the progress. Ollama keeps what has arrived: run it again to continue.

    Example: andon models pull deepseek-r1:1.5b
    """
    settings = command_settings()
    if is_embedded(settings):
        raise refusal(settings, "its model is the file that ANDON_GGUF names: copy one there yourself")
    wanted = name or configured(settings)
    came = Came()
    try:
        asyncio.run(pull(settings, wanted, came, as_json=as_json))
    except KeyboardInterrupt:
        how = f"`andon models pull {wanted}` goes on where it stopped." if came.any else "Nothing has come yet."
        errors.print(plain(f"Stopped. {how}"))
        raise


def model_row(model: OllamaModel) -> tuple[Cell, ...]:
    """A model of Ollama as a line."""
    size, marks = "-" if model.size is None else shown_size(model.size), (model.loaded, model.configured)
    return model.name, size, model.parameters or "-", model.quantization or "-", *("yes" if on else "" for on in marks)


class Came:
    """Whether anything of a model has come."""

    def __init__(self) -> None:
        self.any = False

    def note(self, step: PullStep) -> None:
        """Take a step into account."""
        self.any = self.any or (step.completed or 0) > 0


async def pull(settings: Settings, name: str, came: Came, *, as_json: bool) -> None:
    """Fetch ``name`` and show how far it is; ``came`` knows then whether anything did. Raises ModelError."""
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
                came.note(step)
                sys.stdout.write(printable_json(msgspec.json.encode(step).decode()) + "\n")
                sys.stdout.flush()
            return
        with Progress(*columns, console=errors, transient=True) as progress:
            bar = PullBar(progress)
            async for step in steps:
                came.note(step)
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
        words = step.status.partition(" sha256:")[0] if step.digest is None else "fetching"
        self._progress.update(self._task, description=words, completed=done, total=total or None)
        if step.digest is not None and total:
            words = f"{words} {10 * (10 * done // total)}% of {shown_size(total)}"
        if not self._progress.console.is_terminal and words != self._told:
            self._progress.console.print(words, markup=False)
        self._told = words


def is_embedded(settings: Settings) -> bool:
    """Whether the models in question are files rather than Ollama's."""
    return settings.provider == "EMBEDDED"


def configured(settings: Settings) -> str:
    """The model asked of Ollama, as the provider or as a fallback. Raises ConfigError where Ollama is neither."""
    for member in (settings.configured, *settings.fallback_members):
        if member.provider == "OLLAMA":
            return settings.model_of(*member)
    needless = settings.provider == "PLAYBOOK"
    raise refusal(settings, "it needs no model" if needless else "its models are not managed from here")


def refusal(settings: Settings, reason: str) -> ConfigError:
    """The error that says what these commands are for."""
    return ConfigError(
        f"PROVIDER is {settings.provider}: {reason}. For a model of Ollama set PROVIDER=OLLAMA, and OLLAMA_HOST to "
        "where it runs."
    )


async def answered(settings: Settings, question: Callable[[OllamaAdmin], Awaitable[T]]) -> T:
    """What the configured Ollama answers."""
    with waiting("Asking Ollama"):
        async with ollama(settings) as admin:
            return await question(admin)


def ollama(settings: Settings) -> OllamaAdmin:
    """The native API of the configured Ollama. Raises ConfigError where it is not configured."""
    model = configured(settings)
    return OllamaAdmin(host=settings.ollama_host, api_key=settings.key_of("OLLAMA"), model=model)


def file_facts(kind: str, path: Path) -> dict[str, Any]:
    """A configured model file, with a size of None where it is not there."""
    size = path.stat().st_size if path.is_file() else None
    return {"kind": kind, "name": path.stem, "path": str(path), "size": size}


async def load_file(settings: Settings) -> dict[str, Any]:
    """Load the configured file in a child process and say what it is. Raises ConfigError or ModelError."""
    backend = EmbeddedBackend(Access(settings, settings.configured))
    try:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=errors, transient=True) as progress:
            progress.add_task(f"loading {settings.gguf}", total=None)
            await in_daemon_thread(backend.build, "provider-import")
            return await backend.describe()
    finally:
        await backend.close()


def worded(name: str, value: Any) -> str:
    """A fact about a model file for people; empty where it is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("size", "memory"):
        return shown_size(value)
    if name in ("context", "trained_for"):
        return f"{value:,} tokens"
    return f"{value:,}" if isinstance(value, int) else str(value)
