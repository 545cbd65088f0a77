"""The loop of async tests; what ``pytest --quick`` (``make quick``) leaves out, and the guard that keeps it so.

Left out of a quick run are matrices of cases, what needs the PostgreSQL server, and the tests that ``quick.txt`` names: one place shows
what a quick run does not tell. A test of a quick run that starts a process fails, whatever starts it, and a name in the
list that no test has is an error.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from andon.core.settings import whereabouts
from support import own_log, ports

#: Most cases of one function in a quick run: what has more is a matrix, such as that of the playbook's rules.
CASES_MAX = 100
#: CPU seconds that a quick run is to take at most. Shown beside what it took, never asserted.
AIM = 30.0
#: Names of tests under a word for why they are left out.
_LIST = Path(__file__).with_name("quick.txt")
#: The interpreter's own names for starting another program.
_STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system")


# The same examples every time, and no deadline for one of them.
settings.register_profile("andon", settings.get_profile("ci"), max_examples=50)

own_log.plain()

# What is imported and collected stays: no collection of garbage needs to look at it, now or later.
gc.disable()


def pytest_collection_finish() -> None:
    """The collector is at work again, for what tests leave behind; seldom, or it takes a seventh of their CPU time."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on the loop that Andon runs on."""
    return "asyncio"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--quick``."""
    parser.addoption("--quick", action="store_true", help="no processes, no matrices, nothing costly (make quick)")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main() -> Generator[None, object, object]:
    """Services that tests start say where they are to this process and its children only; silent ports stay silent.

    What runs on the machine beside us, or is installed there, is not found by commands in tests.
    """
    with ports.kept_silent(), tempfile.TemporaryDirectory(prefix="andon-tests-") as place:
        os.environ["XDG_RUNTIME_DIR"] = place
        whereabouts.INSTALLED = Path(place, "location")
        whereabouts.RUN_BY_ROOT = Path(place, "run")
        whereabouts.USUAL_PORT = 0
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """The guard is there in quick runs only."""
    if config.getoption("--quick"):
        config.pluginmanager.register(_Quick(), "andon-quick")


class _Quick:
    """Leaves tests out, fails those that start a process, and tells what the run took."""

    def __init__(self) -> None:
        self._test = ""
        self._started: list[str] = []
        self._left_out: Counter[str] = Counter()
        self._named = named(_LIST.read_text(encoding="utf-8"))
        platform.processor()  # asks a program once, for whichever test's library would be the first
        sys.addaudithook(self._audit)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect what a quick run leaves out."""
        functions = [item for item in items if isinstance(item, pytest.Function)]
        unknown = self._named.keys() - {item.originalname for item in functions}
        if unknown and len({item.path for item in items}) > 1 and not _narrowed(config):
            raise pytest.UsageError(f"tests/quick.txt names what is no test: {', '.join(sorted(unknown))}")
        cases = Counter((item.path, item.originalname) for item in functions)
        reasons = {item: self._reason(item, cases[item.path, item.originalname]) for item in functions}
        self._left_out.update(reason for reason in reasons.values() if reason)
        config.hook.pytest_deselected(items=[item for item, reason in reasons.items() if reason])
        items[:] = [item for item in items if not reasons.get(item)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test is at work."""
        self._test = item.name
        try:
            return (yield)
        finally:
            self._test = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """What was started in a thread, or by a library that tells nobody, is found afterwards."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            return (yield)
        finally:
            ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt != before.ru_minflt
            if self._started or ended:
                what, self._started = ", ".join(self._started) or "a process", []
                pytest.fail(f"started {what}: name the test in tests/quick.txt under [process]", pytrace=False)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._test and event in _STARTS:
            self._started.append(f"{event} {arguments[0] if arguments else ''}".strip())
            pytest.fail(f"{event} in a quick run: name the test in tests/quick.txt under [process]")

    def _reason(self, item: pytest.Function, cases: int) -> str:
        """Why the test is left out; "" where it is not."""
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if "server" in item.fixturenames or "postgresql" in parameters:
            return "process"
        return self._named.get(item.originalname, "matrix" if cases > CASES_MAX else "")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What it took and what it left out."""
        user, system, *of_children = os.times()[:4]
        taken = user + system + sum(of_children)
        parts = ", ".join(f"{number:,} {reason}" for reason, number in sorted(self._left_out.items()))
        terminalreporter.write_line(f"quick: {taken:.1f} s of CPU time (the aim is {AIM:.0f}); left out: {parts}")


def named(text: str) -> dict[str, str]:
    """Names of tests, each with the word in brackets above it; what follows a ``#`` is for people."""
    names: dict[str, str] = {}
    word = ""
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if line.startswith("["):
            word = line.strip("[]")
        elif line:
            names[line] = word
    return names


def _narrowed(config: pytest.Config) -> bool:
    """Whether somebody asked for some of the tests only."""
    chosen = [argument for argument in config.args if argument.partition("::")[0].endswith(".py")]
    return bool(chosen or config.getoption("keyword") or config.getoption("markexpr"))
