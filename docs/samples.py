"""Run the commands of docs/commands.md, and print what they say as JSON: (command, line, output) for each line typed.

A real service with its own broker runs in a directory of its own, reads ``samples/night.jsonl`` through ``andon send``,
and the commands of ``samples/commands.toml`` are typed at it one after the other, on a terminal of :data:`WIDTH`
columns. So that the same is said each time, the clock of all of them stands still at :data:`NOW`, and what the machine
brings (directory, ports, passwords made by chance) is replaced by what stands in :data:`SHOWN`.

``python docs/samples.py 'andon logs'`` prints the samples of one command as people see them.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import socketserver
import sqlite3
import struct
import sys
import tempfile
import termios
import threading
import time
import tomllib
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
GIVEN = HERE / "samples"
#: When people of the samples look, at the end of a night shift.
NOW = datetime(2025, 1, 15, 5, 40, tzinfo=ZoneInfo("Asia/Kolkata"))
#: Of the producer that the samples' settings let in.
PASSWORD = "pune-line-3"
#: The model that the neighbours' Ollama has.
MODEL = "llama3.2:3b"
WIDTH, HEIGHT = 100, 40
#: The directory in which people of the samples work. Text breaks at the same places: the real one is as long.
PLACE = "/home/service/andon"
#: Seconds until the service is ready, a command has ended, or the logs are explained; between two looks; and of silence
#: behind what a service says at its start.
PATIENCE, LOOK_EVERY, SILENCE = 60.0, 0.02, 0.3
#: How the last line begins that it says at its start.
GREETED = "Try: "
#: What is waited for behind each line, so that the next one finds it all.
SETTLED = (
    "(SELECT count(*) FROM analyses WHERE status IN ('pending', 'leased')) = 0 "
    "AND (SELECT coalesce(max(id), 0) FROM logs) <= coalesce((SELECT value FROM counters WHERE name = 'indexed'), 0)"
)
#: What is the machine's own, and what stands for it.
SHOWN = tuple(
    (re.compile(pattern, re.MULTILINE), instead)
    for pattern, instead in (
        (r"^\x1b\[2m.* …\x1b\[0m\n", ""),  # what is waited for, on a machine that is busy
        (r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07", ""),  # colours
        (r"^.*━.*\n+", ""),  # bars of progress
        (r"\bandon_[A-Za-z0-9_-]{20,}", "andon_wq3Zr8…"),
        (r"\b[0-9a-f]{64}\b", "a1b2" * 16),
        (r"\b[0-9a-f]{32}\b", "c3d4" * 8),
        (r"(?<=/…)[0-9a-f]{8}\b", "c3d4c3d4"),  # of an address that is secret
        (r"\bpid=\d+ +", "pid=2107 "),
        (r"\b\d[\d,]* logs/s", "1,000 logs/s"),
        (r"(?<=cases in )[\d.]+ s|(?<=p50 )[\d.]+ ms|(?<=p95 )[\d.]+ ms", "…"),
        (r"[\d,.]+ [KMGT]iB(?= free)", "73.3 GiB"),
        (r"[\d.]+ [KM]iB(?=\.?$)", "1.7 MiB"),  # of the database
        (r"[\d.]+ [KM]iB(?=, checked)", "38.8 KiB"),
        (r"\bPython 3\.[\d.]+", "Python 3.11.7"),
        (r"\S+/(?=nats-server$)", ".venv/bin/"),
        (r"^note: \S+ lies where a service sees nothing.*\n", ""),
        (r"(?<=Andon )(\S+ with )\d+ packages, on \S+", r"\g<1>113 packages, on /usr/bin/python3.11"),
        (r"(?<=made by Andon )(\S+) on [^,]+", r"\g<1> on line3-pc"),
        (r"(?<=-)\d{14}\b", f"{NOW:%Y%m%d%H%M%S}"),
    )
)
#: The broker's clock goes on: what it says was today, for which the moment of the samples stands.
_DAYS = {datetime.fromtimestamp(time.time() + hours * 3600, UTC).date().isoformat() for hours in (0, 1, 5.5, 6.5)}
TODAY = re.compile(rf"(?:{'|'.join(_DAYS)})[ T]\d\d:\d\d(?P<seconds>:\d\d(?P<parts>\.\d+)?)?(?P<utc>Z)?")


class Sample(NamedTuple):
    """A line that is typed below the command ``of``.

    ``stdin`` comes through its pipe, ``environment`` is what it is told besides, and behind it ``until`` is waited for,
    the rest of a SELECT. ``slow`` ones are left out of the suite; what ``machine`` ones say is not the same on every
    machine, so that only `make docs` types them.
    """

    of: str
    line: str
    stdin: str | None = None
    until: str | None = None
    environment: Mapping[str, str] = MappingProxyType({})
    slow: bool = False
    machine: bool = False

    def typed_when(self, extent: str) -> bool:
        """Whether it is typed in a run that is ``quick``, ``portable`` or ``whole``."""
        return extent == "whole" or not (self.machine or (self.slow and extent == "quick"))


def samples() -> list[Sample]:
    """All of them, in the order in which they are typed."""
    text = (GIVEN / "commands.toml").read_text(encoding="utf-8")
    if "problems" not in command_table().COMMANDS:
        text = text.replace("andon problems", "andon patterns")
    return [Sample(**one) for one in tomllib.loads(text)["sample"]]


def main() -> None:
    """Print what was said as JSON (``--quick`` and ``--portable`` say less), or what a named command said as text."""
    given = sys.argv[1] if sys.argv[1:] else "--whole"
    found = said(given.removeprefix("--") if given.startswith("--") else "whole")
    if given.startswith("--"):
        json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
        return
    for of, line, shown in found:
        if of == given:
            print(f"$ {line}\n{shown}\n")


def said(extent: str) -> list[tuple[str, str, str]]:
    """What was typed and what came of it, behind the command that it shows."""
    # Modules look at it when they are imported: it has nothing of the machine's own settings and terminal.
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, LOGNAME="maria", USER="maria", LANG="C.UTF-8", TERM="xterm")
    typed = [sample for sample in samples() if sample.typed_when(extent)]
    stop_the_clock({sample.of.split()[1] for sample in typed if sample.of} | {"run"})
    with directory() as place, neighbours() as ports:
        site = Site(place, ports)
        with site.running() as greeting:
            found = [("andon run", "andon run", greeting)]
            found += [(sample.of, sample.line, site.typed(sample)) for sample in typed]
    return found


def stop_the_clock(names: Iterable[str]) -> None:
    """Import these commands, once for all processes. For all of them it is :data:`NOW`; what only measures goes on.

    Some modules keep the clock that there is when they are imported, others ask ``datetime``.
    """
    time.time = lambda: NOW.timestamp()
    time.time_ns = lambda: int(NOW.timestamp()) * 10**9
    sys.path.insert(0, str(HERE.parent / "tests"))
    for name in sorted(names):
        command_table().load(name)

    class Kind(type):
        def __instancecheck__(cls, one: object) -> bool:
            return isinstance(one, datetime)

    class Stopped(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOW.astimezone(tz)

    for name, module in list(sys.modules.items()):
        if (name == "datetime" or name.startswith("andon.")) and getattr(module, "datetime", None) is datetime:
            module.datetime = Stopped  # type: ignore[attr-defined]
    gc.freeze()


def command_table() -> Any:
    """The module of that name, imported when the clock stands still."""
    from andon.app.cli import command_table

    return command_table


@contextmanager
def neighbours() -> Iterator[dict[int, int]]:
    """What Andon talks to, the tests' stand-ins in a process of their own; their ports by those that are shown."""
    from support.jira import Jira
    from support.ollama_native import LAST, MANIFEST, NativeOllama, Pull, layer

    told, (ends, end) = os.pipe(), os.pipe()
    process = os.fork()
    if not process:
        os.close(end)
        with Jira(cloud=False) as jira, NativeOllama(MODEL) as ollama, Adapter() as adapter:
            ollama.script(Pull([MANIFEST, layer(400), layer(1000), *LAST]))
            ports = {18080: jira.url, 11434: ollama.url, 7878: adapter.url}
            os.write(told[1], json.dumps({shown: int(url.rpartition(":")[2]) for shown, url in ports.items()}).encode())
            os.read(ends, 1)  # until the other end is closed
        os._exit(0)
    os.close(ends)
    try:
        yield {int(shown): port for shown, port in json.loads(os.read(told[0], 1_000)).items()}
    finally:
        os.close(end)
        os.waitpid(process, 0)


class Adapter(socketserver.ThreadingTCPServer):
    """An MTConnect adapter that says what it has to say, and waits."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port(7880, 8399)), Saying)
        self.url = f"shdr://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Adapter:
        threading.Thread(target=self.serve_forever, args=(LOOK_EVERY,), daemon=True).start()
        return self


class Saying(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"2025-01-15T00:10:00Z|avail|AVAILABLE|program|O1234|spindle_speed|8000\n")
        self.wfile.write(b"2025-01-15T00:11:20Z|coolant|FAULT|2218|ALARM_B|LOW|Coolant level low\n")
        self.rfile.read()


@contextmanager
def directory() -> Iterator[Path]:
    """A directory with what people of the samples have in theirs, as long as :data:`PLACE` is."""
    place = Path(tempfile.mkdtemp(prefix="andon-", dir="/tmp"))
    try:
        for one in GIVEN.iterdir():
            if one.name != "commands.toml":
                shutil.copy(one, place)
        for name in ("backups", "image"):
            (place / name).mkdir()
        yield place
    finally:
        shutil.rmtree(place)


class Site:
    """A directory with its service, and a terminal in it."""

    def __init__(self, place: Path, ports: dict[int, int]) -> None:
        assert len(str(place)) == len(PLACE), place
        self.place = place
        self.ports = {4222: free_port(4223, 4999), 8420: free_port(8421, 9199), **ports}
        path = place / "andon.toml"
        text = path.read_text(encoding="utf-8")
        for usual, port in self.ports.items():
            text = text.replace(str(usual), str(port))
        path.write_text(text, encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator[str]:
        """`andon run` in this directory; what it says until it is ready."""
        process, terminal = self._start(["run"], {}, None)
        try:
            heard = Hearing(terminal)
            self.wait(lambda: self._came_up(heard), "the service is ready")
            self.wait(lambda: self._lives(heard) and GREETED in heard.text, "the service greets")
            heard.until_silent()
            yield _greeting(self._shown(heard.text))
        finally:
            os.kill(process, signal.SIGTERM)
            heard.to_the_end()
            os.waitpid(process, 0)
            os.close(terminal)

    def typed(self, sample: Sample) -> str:
        """What a line says, on a terminal."""
        line = sample.line.rpartition("| ")[2].partition(" < ")[0]
        for usual, port in self.ports.items():
            line = line.replace(f":{usual}", f":{port}")
        words = shlex.split(line)
        environment = dict(sample.environment)
        while "=" in words[0] or words[0] == "sudo":
            name, _, environment[name] = words.pop(0).partition("=")
        program, *words = words
        text = ""
        if program == "nats":
            asyncio.run(self._published(words[1], words[2]))
        else:
            text = self._run(words, environment, sample.stdin)
        for wanted in filter(None, (sample.until, SETTLED)):
            self.wait(partial(self._holds, wanted), f"{sample.line}: {wanted}; it said {text}")
        return self._shown(text)

    def _run(self, words: list[str], environment: dict[str, str], stdin: str | None) -> str:
        process, terminal = self._start(words, environment, stdin)
        heard = Hearing(terminal)
        heard.to_the_end()
        os.waitpid(process, 0)
        os.close(terminal)
        return heard.text

    async def _published(self, subject: str, text: str) -> None:
        """A message as any producer sends it."""
        import nats

        client = await nats.connect(f"nats://127.0.0.1:{self.ports[4222]}", user="gateway", password=PASSWORD)
        await client.publish(subject, text.encode())
        await client.close()

    def _start(self, words: list[str], environment: dict[str, str], stdin: str | None) -> tuple[int, int]:
        """A process that does it, forked off this one, and its terminal."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        process, terminal = pty.fork()
        if not process:
            os.close(writing)
            _andon(words, environment, self.place, reading if stdin is not None else None)
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            pipe.write(stdin or "")
        return process, terminal

    def _came_up(self, heard: Hearing) -> bool:
        return self._lives(heard) and self._is_ready()

    def _lives(self, heard: Hearing) -> bool:
        if not heard.a_moment():
            raise SystemExit(f"samples: the service ended: {heard.text}")
        return True

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[8420]}/readyz", timeout=PATIENCE):
                return True
        except OSError:
            return False

    def _holds(self, query: str) -> bool:
        with contextlib.closing(sqlite3.connect(f"file:{self.place}/data/agent.db?mode=ro", uri=True)) as connection:
            return bool(connection.execute(f"SELECT {query}").fetchone()[0])

    def wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Until it holds; ends the program with ``otherwise`` where it does not."""
        ends = time.monotonic() + PATIENCE
        while not condition():
            time.sleep(LOOK_EVERY)
            if time.monotonic() > ends:
                raise SystemExit(f"samples: in vain: {otherwise}")

    def _shown(self, text: str) -> str:
        lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
        text = "\n".join(lines).strip("\n")
        for pattern, instead in SHOWN:
            text = pattern.sub(instead, text)
        text = TODAY.sub(_of_now, text)
        text = text.replace(str(self.place), PLACE)
        for usual, port in self.ports.items():
            text = re.sub(rf"(?<=[:=]){port}\b", str(usual), text)
        return text.strip("\n")


def _greeting(text: str) -> str:
    """What a service says to people at its start; where there is nothing, its log, of which some comes at once."""
    lines = text.splitlines()
    spoken = [line for line in lines if "[info " not in line]
    return "\n".join(spoken if any(spoken) else sorted(lines)).strip("\n")


def _of_now(found: re.Match[str]) -> str:
    moment = NOW.astimezone(UTC) if found["utc"] else NOW
    parts = "." + "0" * (len(found["parts"]) - 1) if found["parts"] else ""
    seconds = f":{moment:%S}{parts}" if found["seconds"] else ""
    return f"{moment:%Y-%m-%d}{found[0][10]}{moment:%H:%M}{seconds}{found['utc'] or ''}"


class Hearing:
    """What comes from a terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._heard = bytearray()

    def a_moment(self) -> bool:
        """Hear what comes in a moment; False when nothing comes any more."""
        if not select.select([self._terminal], [], [], LOOK_EVERY)[0]:
            return True
        try:
            self._heard += (data := os.read(self._terminal, 65_536))
        except OSError:  # Linux says so when the other end is closed
            return False
        return bool(data)

    def until_silent(self) -> None:
        """Hear what comes until nothing has for :data:`SILENCE`."""
        while select.select([self._terminal], [], [], SILENCE)[0] and self.a_moment():
            pass

    def to_the_end(self) -> None:
        """Hear everything. Ends the program where that takes too long."""
        ends = time.monotonic() + PATIENCE
        while self.a_moment():
            if time.monotonic() > ends:
                raise SystemExit(f"samples: a command does not end; it said {self.text}")

    @property
    def text(self) -> str:
        """All of it so far."""
        return self._heard.decode(errors="replace")


def _andon(words: list[str], environment: dict[str, str], place: Path, stdin: int | None) -> NoReturn:
    """Be ``andon`` in this process."""
    from andon.app import cli
    from andon.app.cli import patience

    status: Any = 70
    patience.LONG = threading.TIMEOUT_MAX  # what a slow machine waits for is not what the command prints
    try:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        if stdin is not None:
            os.dup2(stdin, 0)
        os.chdir(place)
        os.environ.update(environment, HOME=str(place))
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(at, mode, encoding="utf-8") for at, mode in enumerate("rww"))
        sys.argv = ["andon", *words]
        cli.main()
        status = 0
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()  # os._exit says nothing
        raise
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def free_port(least: int, most: int) -> int:
    """A free port of four digits, as those that stand for it have."""
    for port in range(least + os.getpid() % (most - least), most):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return free_port(least, most)


if __name__ == "__main__":
    main()
