"""``andon send``: publish logs, and wait for their analyses where asked to."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from andon.app.broker_client import open_publisher
from andon.app.cli import send_lines
from andon.app.cli.attach import read_pictures, with_pictures
from andon.app.cli.output import (
    command_settings,
    console,
    errors,
    plain,
    print_box,
    print_outcome,
    wait_seconds,
    warn_of_other_broker,
    write_json,
)
from andon.app.cli.patience import waiting
from andon.core.errors import AndonError, BrokerError, BrokerUnavailable, ConfigError
from andon.core.models import REPLY_TO_HEADER, SUBJECT, now_text
from andon.core.settings.sources.file_settings import LineRules
from andon.core.text import counted
from andon.core.wrong_values import in_words
from andon.ingest.pictures.intake import PictureLimits

if TYPE_CHECKING:
    from andon.app.broker_client import BrokerClient
    from andon.bus.publisher import JetStreamPublisher
    from andon.core.models import NewPicture
    from andon.core.settings.settings import Settings

#: Logs sent with --wait in one go: each is a caller of its own.
WAIT_LIMIT = 1000
WAIT_SECONDS = 60.0
#: No path is longer, in characters.
_PATH_MAX = 4_096


class SendError(AndonError):
    """Some logs could not be published: see the reasons, correct them and send those again."""


Message = Annotated[
    str | None,
    typer.Argument(
        metavar="[MESSAGE]", help="The message of the log; - or the name of a .json or .jsonl file means --file."
    ),
]
Grade = Annotated[
    str | None,
    typer.Option("--severity", "-s", metavar="SEVERITY", help="Severity of MESSAGE (default: ERROR) or lines."),
]
Images = Annotated[
    list[Path] | None,
    typer.Option("--image", metavar="FILE", help="A picture to send with MESSAGE; repeatable."),
]
LogFile = Annotated[
    Path | None,
    typer.Option("--file", "-f", metavar="FILE", help="Logs as JSON or JSON lines; - reads standard input."),
]


def send(
    message: Message = None,
    severity: Grade = None,
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="Service of MESSAGE (default: andon-send) or lines.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="Host of MESSAGE or lines (default: this machine).")
    ] = None,
    context: Annotated[str | None, typer.Option(metavar="JSON", help="Context of MESSAGE, a JSON object.")] = None,
    place: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Where: site.area.line.machine, or the first parts of it.")
    ] = None,
    image: Images = None,
    file: LogFile = None,
    again: Annotated[bool, typer.Option("--again", help="Send a file again without asking.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the explanations and print them.")] = False,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="With --wait: wait at most this long, in seconds or as 2m.")
    ] = f"{WAIT_SECONDS:g}",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: the outcome, or each reply with --wait.")
    ] = False,
) -> None:
    """Send one log, a file of logs, or whatever comes through a pipe.

    From a pipe, each line is sent as it arrives: JSON as it is, plain lines with the severity, time and host they name.
    Lines that belong together, such as a stack trace, become one log. While the broker is away, `andon send` waits.

    Examples: andon send "Spindle over-temperature" -s CRITICAL --host mill-07 --service cnc --wait

    andon send "Label check failed" --image station4.jpg

    andon send shift.jsonl

    tail -F /var/log/press.log | andon send --service press
    """
    longest = wait_seconds(timeout, "--timeout", 1, 3600)
    settings = command_settings()
    subject = place_subject(place)
    message, file = message_or_file(message, file, asking=not as_json)
    if image and message is None:
        raise typer.BadParameter("goes with a MESSAGE; logs of a file name their pictures", param_hint="--image")
    pictures = read_pictures(image or (), PictureLimits(max_bytes=settings.picture_max_bytes))
    if message is not None:
        logs = [one_log(message, severity or "ERROR", service or "andon-send", host, context)]
    else:
        assert file is not None  # noqa: S101 - one of the two is given
        if str(file) == "-" and not wait:
            rules = line_rules(service, host, severity, place)
            asyncio.run(_send_stdin(settings, subject, rules, as_json=as_json))
            return
        logs = _logs_of(file, settings, again=again, asking=not as_json)
    if wait and len(logs) > WAIT_LIMIT:
        raise typer.BadParameter(f"--wait takes at most {WAIT_LIMIT} logs at once, this is {len(logs)}")
    asyncio.run(_send(settings, subject, logs, pictures, wait=longest if wait else None, as_json=as_json))
    if file is not None and str(file) != "-":
        from andon.app.cli import sent_files

        sent_files.remember(settings, file, len(logs))


def _logs_of(file: Path, settings: Settings, *, again: bool, asking: bool) -> list[bytes]:
    """The logs of a file, unless it was sent before and somebody says no to sending it ``again``. Raises NotAgain."""
    logs = list(read_logs(file))
    if str(file) != "-" and not again:
        from andon.app.cli import sent_files  # with the ledger, which one log does not need

        sent_files.demand_new(settings, file, ZoneInfo(settings.time_zone), asking=asking)
    return logs


def message_or_file(message: str | None, file: Path | None, *, asking: bool) -> tuple[str | None, Path | None]:
    """Which of the two is meant; the other is None. The lines of another file become standard input.

    Raises typer.BadParameter where that is not plain.
    """
    if message is not None and file is None:
        if is_file_of_logs(message):
            file, message = Path(message), None
        elif _may_be_file(message):
            from andon.app.cli import sent_files

            if sent_files.file_is_meant(message, asking=asking):
                _read_as_input(message)
                file, message = Path("-"), None
    if message is None and file is None and sys.stdin is not None and not sys.stdin.isatty():
        file = Path("-")
    if (message is None) == (file is None):
        raise typer.BadParameter("give either a MESSAGE or --file (- for standard input)")
    return message, file


def is_file_of_logs(message: str) -> bool:
    """Whether somebody who gave this for a message means standard input or a file: nobody logs the name of one.

    Raises ConfigError where it can only be the name of a file, and there is none.
    """
    if message == "-":
        return True
    if not message.lower().endswith((".json", ".jsonl", ".ndjson")):
        return False
    if Path(message).is_file():
        return True
    if any(c.isspace() for c in message):
        return False
    what = f"{message} is a directory" if os.path.isdir(message) else f"there is no file {message}"
    raise ConfigError(f"{what}; nothing was sent")


def _may_be_file(message: str) -> bool:
    return len(message) <= _PATH_MAX and "\0" not in message and os.path.isfile(message)


def _read_as_input(path: str) -> None:
    """Let standard input be a file: it is read as ``andon send < FILE`` does. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            os.dup2(file.fileno(), sys.stdin.fileno())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def place_subject(place: str | None) -> str:
    """The subject for an ISA-95 place. Raises typer.BadParameter."""
    if not place:
        return SUBJECT
    parts = place.split(".")
    if len(parts) > 4 or any(not p or any(c.isspace() or c in "*>" for c in p) for p in parts):
        raise typer.BadParameter(
            f"{place!r} is not a place: write site.area.line.machine without blanks", param_hint="--place"
        )
    return f"{SUBJECT}.{place}"


def one_log(message: str, severity: str, service: str, host: str | None, context: str | None) -> bytes:
    """The wire form of a log given by arguments. Raises typer.BadParameter where the context is no JSON object."""
    value: Any = {}
    if context is not None:
        try:
            value = msgspec.json.decode(context)
        except msgspec.DecodeError as error:
            raise typer.BadParameter(f"not JSON: {error}", param_hint="--context") from None
        if not isinstance(value, dict):
            raise typer.BadParameter("must be a JSON object", param_hint="--context")
    return msgspec.json.encode(
        {
            "timestamp": now_text(),
            "hostname": host or socket.gethostname(),
            "severity": severity,
            "service": service,
            "message": message,
            "context": value,
        }
    )


def read_logs(path: Path) -> Iterator[bytes]:
    """The logs of a JSON document (an object or an array of objects) or of JSON lines, byte for byte where possible.

    Raises ConfigError where the file cannot be read or a line is no JSON object.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from None
    yield from logs_in(data, name)


def logs_in(data: bytes, name: str) -> Iterator[bytes]:
    """The same of bytes that were read from ``name``."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        whole = msgspec.json.decode(data, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        yield from _read_lines(data, name)
        return
    if isinstance(whole, dict):
        yield data.strip()
        return
    for number, item in enumerate(whole, 1):
        if not bytes(item).lstrip().startswith(b"{"):
            raise ConfigError(f"{name}: entry {number} is not a JSON object; nothing was sent")
        yield bytes(item)


def _read_lines(data: bytes, name: str) -> Iterator[bytes]:
    lines = [(number, line.strip()) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    if not lines:
        raise ConfigError(f"{name} is empty; nothing was sent")
    for number, line in lines:
        try:
            msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            other = "" if name == "standard input" else f"; `andon import {name}` reads plain lines"
            raise ConfigError(
                f"{name}: line {number} is not a JSON object ({error}); nothing was sent{other}"
            ) from None
        yield line


def line_rules(
    service: str | None, host: str | None, severity: str | None, place: str | None, encoding: str = "auto"
) -> LineRules:
    """How lines are read that come through a pipe or from a file. Raises typer.BadParameter."""
    told = {"service": service or "", "host": host or "", "severity": severity or "", "encoding": encoding}
    levels = dict(zip(("site", "area", "line", "machine"), (place or "").split("."), strict=False))
    try:
        return LineRules.model_validate(told | levels)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {in_words(first)}") from None


async def _send_stdin(settings: Settings, subject: str, rules: LineRules, *, as_json: bool) -> None:
    """Line by line, unless it is one JSON document: that is read to its end first."""
    head = await send_lines.first_bytes()
    if not head.strip():
        raise ConfigError("standard input is empty; nothing was sent")
    if send_lines.begins_document(head):
        rest = await asyncio.to_thread(sys.stdin.buffer.read)
        await _send(settings, subject, list(logs_in(head + rest, "standard input")), [], wait=None, as_json=as_json)
        return
    done = await send_lines.send_lines(settings, rules, head)
    print_outcome(
        {"sent": done.sent, "failed": [f"{counted(n, 'line')} left out: {why}" for why, n in done.refused.items()]},
        [send_lines.sentence(done, subject)],
        as_json=as_json,
    )
    if done.unsent:
        raise SendError(f"{counted(done.unsent, 'log')} not known to be stored when this was stopped: send them again")
    if done.signal is not None:
        raise typer.Exit(128 + done.signal)
    if done.refused:
        raise SendError(f"{counted(sum(done.refused.values()), 'line')} not sent: correct and send them again")


async def _send(
    settings: Settings, subject: str, logs: list[bytes], images: list[NewPicture], *, wait: float | None, as_json: bool
) -> None:
    async with AsyncExitStack() as stack:
        with waiting("Connecting to the broker"):
            publisher = await stack.enter_async_context(open_publisher(settings, "andon send"))
        warn_of_other_broker(settings)
        if images:
            logs = [await with_pictures(data, images, publisher) for data in logs]
        if wait is not None:
            await _send_and_wait(publisher, subject, logs, timeout=wait, as_json=as_json)
            return
        stored, failures = await publish_with_progress(publisher, subject, logs, quiet=as_json)
        sentence = f"{counted(stored, 'log')} sent to {subject}"
        print_outcome({"sent": stored, "failed": failures}, [sentence], as_json=as_json)
        if failures:
            raise SendError(f"{len(failures)} not sent; the first: {failures[0]}")


async def _send_and_wait(
    publisher: BrokerClient, subject: str, logs: list[bytes], *, timeout: float, as_json: bool
) -> None:
    """Send each log as a durable caller and print the replies as they come. Raises SendError for what is missing."""
    inbox = await publisher.inbox()
    failures: list[str] = []
    sent = 0
    for index, data in enumerate(logs):
        try:
            await publisher.store(data, subject=subject, headers={REPLY_TO_HEADER: f"{inbox.prefix}.{index}"})
        except BrokerUnavailable as error:
            failures.append(f"log {index + 1} and those behind it: {error}")
            break
        except BrokerError as error:
            failures.append(f"log {index + 1}: {error}")
        else:
            sent += 1
    answered = 0
    what = "the explanation" if sent == 1 else f"{sent} explanations"
    async with asyncio.timeout(timeout + 5):
        with waiting(f"Stored. Waiting up to {timeout:g} s for {what}") as answers:
            async for body in inbox.replies(sent, timeout):
                answers()
                answered += 1
                print_reply(body, as_json=as_json)
    missing = []
    if failures:
        missing.append(f"{len(logs) - sent} of {len(logs)} not sent; the first: {failures[0]}")
    if answered < sent:
        missing.append(
            f"{sent - answered} of {sent} analyses did not come within {timeout:g} s; the logs are stored, "
            "see `andon logs`"
        )
    if missing:
        raise SendError("; ".join(missing))


async def publish_with_progress(
    publisher: JetStreamPublisher, subject: str, logs: list[bytes], *, quiet: bool = False, label: str = "sending"
) -> tuple[int, list[str]]:
    """Publish ``logs`` in a window with a progress bar; (number stored, a sentence for each that was not)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=quiet or len(logs) < 2 or not errors.is_terminal) as progress:
        task = progress.add_task(label, total=len(logs))
        items = ((subject, data, None, None) for data in logs)
        done = await publisher.store_many(items, on_stored=lambda n: progress.advance(task, n))
    return done.stored, [f"log {failure.index + 1}: {failure.reason}" for failure in done.failures]


def print_reply(body: bytes, *, as_json: bool) -> None:
    """One reply: JSON on a line of its own, or the message and its analysis for people."""
    if as_json:
        write_json(body)
        return
    reply = msgspec.json.decode(body)
    sent = reply.get("original_message")
    message = sent.get("message") if isinstance(sent, dict) else str(sent)
    rung = reply.get("rung") or "not understood"
    title = f"{rung}{' (provisional)' if reply.get('provisional') else ''}"
    console.print(plain(f"{reply.get('severity', '')} {message}".strip()), style="bold")
    print_box(title, str(reply.get("analysis", "")))
