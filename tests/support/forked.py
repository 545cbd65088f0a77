"""``andon …`` as a process of its own that need not import everything again: forked off one that has.

Importing takes most of what the start of a service costs. A process of the tests' own has done it once, and each service
is forked off it: with its own environment, directory, output and signals, from the first line of ``andon``'s own ``main`` on.
Tests that want to know how a process starts by itself say so (``Andon.start(fresh=True)``).
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: What every service imports, those that ask a model too; nothing here starts a thread or reads the environment.
_IMPORTED = (
    "andon.app.cli.command_table",
    "andon.app.cli.run",
    "andon.app.http_server",
    "andon.app.web.app",
    "andon.app.web.page",
    "andon.explain.model.session",
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.openai",
    "pydantic.v1",
    "truststore",
    "uvicorn.lifespan.off",
    "uvloop",
)
#: Where one of these is another, an interpreter of its own is needed: it reads them when it starts.
_OF_THE_INTERPRETER = ("PYTHONUTF8", "PYTHONIOENCODING", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
#: The environment before any test changed it.
_BEFORE = dict(os.environ)
_ANSWER_MAX = 64
_ADD = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Forked:
    """A process as :class:`subprocess.Popen` shows it, as far as tests look at it."""

    def __init__(self, pid: int, end: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = end

    def poll(self) -> int | None:
        """Its exit status, minus the number of the signal that ended it; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """The same once it has ended. Raises subprocess.TimeoutExpired after ``timeout`` seconds."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("andon", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def _ended(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], seconds)[0]:
            told = self._end.recv(_ANSWER_MAX)
            self._end.close()
            if not told:
                raise AssertionError(f"whoever forks services died, and with it what became of process {self.pid}")
            self.returncode = int(told)
        return self.returncode


class _Forker:
    """The process that has imported everything, as whoever wants services from it sees it."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", __file__, str(theirs.fileno())]
            self.process = subprocess.Popen(command, env=_BEFORE, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self.of = os.getpid()
        atexit.register(self._close)

    def _close(self) -> None:
        self._ours.close()
        if self.of == os.getpid():
            self.process.wait()

    def fork(self, request: dict[str, Any]) -> Forked:
        """A process that runs as ``request`` says."""
        end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._ours, [json.dumps(request).encode()], [theirs.fileno()])
        return Forked(int(end.recv(_ANSWER_MAX)), end)


_forker: _Forker | None = None


def start(
    arguments: list[str],
    environment: dict[str, str],
    place: Path,
    output: Path,
    errors: Path | None = None,
    given: str = os.devnull,
    constants: Mapping[str, float] | None = None,
) -> Forked:
    """Run ``andon ARGUMENTS`` in the directory ``place``.

    What it writes is added to the file ``output``, what it complains of to ``errors`` where that is another; ``given`` is
    the file that it reads as its standard input. ``constants`` of modules, by their full names, have other values there.
    """
    global _forker
    assert can_fork(environment)
    if _forker is None or _forker.of != os.getpid() or _forker.process.poll() is not None:
        _forker = _Forker()
    files = [given, str(output), str(errors or output)]
    request = {"arguments": arguments, "environment": environment, "place": str(place), "files": files}
    return _forker.fork({**request, "constants": dict(constants or {})})


def run(
    arguments: list[str], environment: dict[str, str], place: Path, stdin: bytes | None, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """The same to its end, as :func:`subprocess.run` gives it. Raises subprocess.TimeoutExpired after ``seconds``."""
    with tempfile.TemporaryDirectory() as directory:
        given, out, err = (Path(directory, name) for name in ("in", "out", "err"))
        given.write_bytes(stdin or b"")
        process = start(arguments, environment, place, out, err, str(given))
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise
        return subprocess.CompletedProcess(arguments, status, out.read_bytes(), err.read_bytes())


def can_fork(environment: dict[str, str]) -> bool:
    """Whether a process with this environment can be forked off ours, which has that of before the tests.

    Directories of packages may come before those in which modules are found anyway, but no other Andon.
    """
    added = _added(environment)
    return (
        all(environment.get(name) == _BEFORE.get(name) for name in _OF_THE_INTERPRETER)
        and added is not None
        and not any(Path(one, "andon").exists() for one in added)
    )


def _added(environment: dict[str, str]) -> list[str] | None:
    """What PYTHONPATH has before what it had; None where it is another one."""
    before, now = (one.get("PYTHONPATH", "").split(os.pathsep) for one in (_BEFORE, environment))
    if before == [""]:
        return [one for one in now if one]
    return now[: -len(before)] if now[-len(before) :] == before else None


def _serve(ours: socket.socket) -> None:
    """Fork for whoever asks, and tell how each process ended. Returns in each of the forked ones only."""
    woken, wake = socket.socketpair()
    for one in (woken, wake):
        one.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which ends us by going
    ends: dict[int, socket.socket] = {}
    while True:
        ready = select.select([ours, woken], [], [])[0]
        if woken in ready:
            woken.recv(4096)
            _tell(ends)
        if ours in ready:
            data, files, _, _ = socket.recv_fds(ours, 1 << 20, 1)
            if not data:
                sys.exit(0)
            end = socket.socket(fileno=files[0])
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for one in (ours, woken, wake, end, *ends.values()):
                    one.close()
                _become(**json.loads(data))
                return
            end.send(str(pid).encode())
            ends[pid] = end


def _tell(ends: dict[int, socket.socket]) -> None:
    while ends:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with ends.pop(pid) as end:
            with contextlib.suppress(BrokenPipeError):  # nobody wants to know
                end.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(
    arguments: list[str], environment: dict[str, str], place: str, files: list[str], constants: dict[str, float]
) -> None:
    """What an interpreter of its own would have begun with."""
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = _added(environment) or ()
    os.chdir(place)
    given, output, errors = files
    for number, name, how in ((0, given, os.O_RDONLY), (1, output, _ADD), (2, errors, _ADD)):
        file = os.open(name, how, 0o666)
        os.dup2(file, number)
        os.close(file)
    if environment.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    sys.argv = ["andon", *arguments]
    for name, value in constants.items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(module), constant, value)


if __name__ == "__main__":
    import gc

    from andon.explain.playbook import bundled_playbook

    gc.disable()
    for name in _IMPORTED:
        importlib.import_module(name)
    bundled_playbook()
    gc.freeze()  # so that no collection touches, and thereby copies, what all processes share
    _serve(socket.socket(fileno=int(sys.argv[1])))
    gc.enable()
    from andon.app.cli import main

    main()
