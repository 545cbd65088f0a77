"""Walk the first hour of somebody who has never seen Andon, and count what they type and what goes wrong.

A fresh clone of the last commit, then the README's own commands: start the service, send a log of one's own and read
its explanation, confirm a fix, print the report of the shift. A README that says something else is walked differently.
``--here`` leaves out clone and installation. Exit status 1 where it takes more than six commands, or an error is met.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: More commands than these are too many.
MOST = 6
#: The log that is sent: nobody's example, so no part of the product can know it.
OWN = "Conveyor 12 north: gearbox oil temperature 94.5 C, limit 80 C"
#: Seconds that a command may take, and a start, which installs first.
COMMAND_WITHIN, START_WITHIN = 120.0, 1200.0
#: What the README must show for each step, in the order in which a newcomer comes to it.
STEPS = {
    "start": re.compile(r"make run\b|\S*andon run\b"),
    "send": re.compile(r"\S*andon send [\"'].*--wait\b"),
    "look": re.compile(r"\S*andon (?:problems|patterns)\b(?! (?:show|merge|split))"),
    "fix": re.compile(r"\S*andon resolve \d+ "),
    "report": re.compile(r"\S*andon report\b"),
}
#: Settings of whoever runs this, which a newcomer does not have.
_OF_OTHERS = re.compile(
    r"ANDON_|PYTHON|VIRTUAL_ENV$|MAKE|(?:PROVIDER|MODEL|API_KEY|NATS_URL|DB_PATH|OLLAMA_HOST|AGENT_\w+)$"
)
_ERROR = re.compile(
    r"^(?:Traceback \(most recent|[\w.]+(?:Error|Exception): |andon: |ERROR: |fatal: |make: \*\*\*|.*command not found"
    r"|.*\[(?:error|critical) *\]|\{.*\"level\": ?\"(?:error|critical)\")"
)


#: A line up to its comment; what stands in quotes, or behind something else than a blank, begins none.
_UNCOMMENTED = re.compile(r"""(?:"[^"]*"|'[^']*'|(?<=\S)\#|[^\#])*""")


@dataclass
class Typed:
    """A command as it was typed, what came of it, and the error lines that it printed."""

    command: str
    seconds: float = 0.0
    status: int | None = 0
    errors: list[str] = field(default_factory=list)


@dataclass
class Walk:
    """All commands, and after how many of them, and seconds, each thing was reached."""

    typed: list[Typed] = field(default_factory=list)
    reached: dict[str, tuple[int, float]] = field(default_factory=dict)
    #: What went wrong that no command printed.
    missed: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """Everything that went wrong."""
        failed = [f"{one.command}: exit status {one.status}" for one in self.typed if one.status]
        return [*failed, *(f"{one.command}: {line}" for one in self.typed for line in one.errors), *self.missed]

    @property
    def good(self) -> bool:
        """Whether it took few commands and no error was met."""
        return len(self.typed) <= MOST and not self.errors


def commands_in(page: str) -> list[str]:
    """The lines of a Markdown page's shell blocks, without their comments."""
    blocks = re.findall(r"^```(?:sh|bash|shell|console)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    shown = [line for block in blocks for line in block.splitlines()]
    lines = [_UNCOMMENTED.match(line)[0].removeprefix("$ ").strip() for line in shown]  # type: ignore[index]
    return [line for line in lines if line]


def steps_in(page: str) -> dict[str, str]:
    """The command that a page shows first for each step. Raises LookupError where one is not shown."""
    lines = commands_in(page)
    found = {}
    for name, pattern in STEPS.items():
        shown = next((line for line in lines if pattern.match(line)), None)
        if shown is None:
            raise LookupError(f"the README shows no command for the step {name!r} ({pattern.pattern})")
        found[name] = shown
    return found


def error_lines(said: str) -> list[str]:
    """The lines of a command's output that tell of an error."""
    return [line for line in said.splitlines() if _ERROR.match(line)]


def walk(place: Path, *, here: bool) -> Walk:
    """The whole way, in the empty directory ``place``."""
    made = Walk()
    began = time.monotonic()
    checkout = place / "andon"
    environment = newcomer(os.environ, keep_python=here)
    if here:
        _stand_in(checkout)
    else:
        _type(made, f"git clone {shlex.quote(str(ROOT))} andon && cd andon", place, environment)
    if not (checkout / "README.md").exists():
        made.missed.append("there is no checkout to go on with")
        return made
    try:
        steps = steps_in((checkout / "README.md").read_text())
    except LookupError as reason:
        made.missed.append(str(reason))
        return made
    if here:
        steps["start"] = ".venv/bin/andon run"  # what `make run` does behind the installation
    with _service(made, steps["start"], checkout, environment) as ready:
        if ready:
            _use(made, steps, checkout, environment, began)
    return made


def _use(made: Walk, steps: Mapping[str, str], checkout: Path, environment: Mapping[str, str], began: float) -> None:
    """What is typed beside the running service."""

    def reach(what: str, reached: bool) -> None:
        if reached:
            made.reached[what] = (len(made.typed), time.monotonic() - began)
        else:
            made.missed.append(f"not reached: {what}")

    said = _type(made, re.sub(r"(['\"]).*?\1", shlex.quote(OWN), steps["send"], count=1), checkout, environment)
    explained = _analysis(checkout)
    first_line = explained.splitlines()[0] if explained else ""
    reach("own log explained", bool(first_line) and first_line[:40] in " ".join(re.sub("[│╭╮╰╯─]", " ", said).split()))
    problem = re.search(r"\b[Pp]roblem (\d+)", said)
    if problem is None:
        said = _type(made, steps["look"], checkout, environment)
        problem = re.search(
            r"^ *(\d+) ", "\n".join(line for line in said.splitlines() if "Conveyor" in line), re.MULTILINE
        )
    number = problem[1] if problem else "1"
    fix = re.sub(r"(resolve) \d+", rf"\1 {number}", steps["fix"])
    _type(made, fix, checkout, environment)
    words = shlex.split(fix)
    told = words[words.index("--fix") + 1] if "--fix" in words else ""
    reach("fix confirmed", bool(told) and told in _analysis(checkout))
    said = _type(made, steps["report"], checkout, environment)
    reach("shift reported", OWN in said and told in said)


def newcomer(mine: Mapping[str, str], *, keep_python: bool) -> dict[str, str]:
    """The environment of somebody new: no settings, but ports that are free, and no model to be found."""
    kept = {
        name: value
        for name, value in mine.items()
        if not _OF_OTHERS.match(name) or (keep_python and name.startswith("PYTHON"))
    }
    broker, page = _free_ports(2)
    return {
        **kept,
        "ANDON_NATS_PORT": str(broker),
        "ANDON_HTTP_PORT": str(page),
        "OLLAMA_HOST": "http://127.0.0.1:9",
        "NO_COLOR": "1",
    }


def _stand_in(checkout: Path) -> None:
    """A directory that has the README, and this Python's Andon where a checkout has its own."""
    program = checkout / ".venv" / "bin" / "andon"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m andon "$@"\n')
    program.chmod(0o755)
    (checkout / "README.md").write_text((ROOT / "README.md").read_text())


def _type(made: Walk, command: str, cwd: Path, environment: Mapping[str, str]) -> str:
    """Type a command, and wait until it ends; what it printed."""
    typed = Typed(command)
    made.typed.append(typed)
    print(f"$ {command}", file=sys.stderr, flush=True)
    began = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=COMMAND_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        typed.errors.append(f"did not end within {COMMAND_WITHIN:g} s")
    typed.seconds, typed.status = time.monotonic() - began, process.returncode
    typed.errors += error_lines(said)
    return said


@contextlib.contextmanager
def _service(made: Walk, command: str, cwd: Path, environment: Mapping[str, str]) -> Iterator[bool]:
    """The service in a terminal of its own, ended by Ctrl-C; whether it became ready."""
    typed = Typed(command)
    made.typed.append(typed)
    print(f"$ {command}", file=sys.stderr, flush=True)
    began = time.monotonic()
    log = cwd / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            ready = _becomes_ready(process, int(environment["ANDON_HTTP_PORT"]))
            typed.seconds = time.monotonic() - began
            if not ready:
                typed.status = process.poll()
                made.missed.append(f"{command}: the service did not become ready: {log.read_text()[-500:]}")
            yield ready
        finally:
            _end(process, typed)
    typed.errors += error_lines(log.read_text().partition("make: *** [")[0])  # how make tells of Ctrl-C


def _becomes_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
        time.sleep(0.1)
    return False


def _end(process: subprocess.Popen[bytes], typed: Typed) -> None:
    """Ctrl-C: the whole group of the terminal hears it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        typed.errors.append("did not end within 60 s of Ctrl-C")


def _analysis(checkout: Path) -> str:
    """What the database holds as the explanation of the log that was sent; "" where there is none."""
    path = checkout / "data" / "agent.db"
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as sql,
    ):
        row = sql.execute("SELECT analysis FROM agent_logs WHERE message = ?", (OWN,)).fetchone()
        return (row and row[0]) or ""
    return ""


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(contextlib.closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def table(made: Walk) -> str:
    """The walk as people read it."""
    lines = [f"{'':>2}  {'seconds':>7}  {'errors':>6}  command"]
    for number, one in enumerate(made.typed, 1):
        wrong = len(one.errors) + bool(one.status)
        lines.append(f"{number:>2}  {one.seconds:>7.1f}  {wrong:>6}  {one.command}")
    lines += [f"{what}: after {count} commands, {seconds:.0f} s" for what, (count, seconds) in made.reached.items()]
    lines.append(f"{len(made.typed)} commands (at most {MOST}), {len(made.errors)} errors (none)")
    return "\n".join([*lines, *(f"  error: {line}" for line in made.errors)])


def main() -> int:
    """Parse, walk, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="without clone and installation, with this Python's Andon")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="andon-first-hour-") as place:
        made = walk(Path(place), here=given.here)
    if given.json:
        print(
            json.dumps(
                {**asdict(made), "commands": len(made.typed), "errors": made.errors, "good": made.good}, indent=2
            )
        )
    else:
        print(table(made))
    return 0 if made.good else 1


if __name__ == "__main__":
    sys.exit(main())
