"""Two revisions side by side: ``python -m bench compare REV [--against REV]``; against the working tree unless given.

The same interpreter runs the source of both, in turns, on the same messages. The record path is measured from outside,
at ``andon run`` as a process of its own with its broker: the service is stopped (SIGSTOP) while the broker is filled,
and its time begins when it goes on. Decoding and fingerprinting are measured in a child (``compare_child.py``), which
finds them under the names they have had. Machines are shared and noisy: the ratio of neighbouring rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from bench.record_path import messages
from bench.service_figures import start_service, stop_service, stored

ROOT = Path(__file__).resolve().parent.parent
CHILD = Path(__file__).with_name("compare_child.py")
#: The subject that logs have been published to in every revision.
SUBJECT = "agent.technical.support"
#: Seconds within which everything is stored, or something is wrong.
PATIENCE = 120.0
#: What is measured, and its unit: more is better for all.
QUANTITIES = {
    "record path": "logs/s",
    "record path, CPU": "logs/CPU s",
    "decoding": "logs/CPU s",
    "fingerprinting": "logs/CPU s",
}


class CompareError(Exception):
    """Why two revisions cannot be compared, as a sentence."""


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 2 where a revision cannot be had."""
    parser = argparse.ArgumentParser(prog="bench compare", description=__doc__)
    parser.add_argument("revision", metavar="REV", help="what is compared: a commit as git names it")
    parser.add_argument("--against", metavar="REV", help="what it is compared with; the working tree unless given")
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds")
    options = parser.parse_args(arguments)
    count, rounds = (10_000, 3) if options.quick else (40_000, 5)
    with tempfile.TemporaryDirectory(prefix="andon-compare-") as place:
        try:
            sides = {
                options.revision: checked_out(options.revision, Path(place) / "revision"),
                options.against or "working tree": ROOT / "src"
                if options.against is None
                else checked_out(options.against, Path(place) / "against"),
            }
        except CompareError as error:
            print(f"bench compare: {error}", file=sys.stderr)
            return 2
        if len(sides) < 2:
            print(f"bench compare: {options.revision} is compared with itself; name another one.", file=sys.stderr)
            return 2
        given = Path(place) / "messages.jsonl"
        given.write_bytes(b"\n".join(messages(count, 1)))
        measured: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for number in range(rounds):
            for name, source in sides.items():  # in turns, so that what the machine does meanwhile meets both
                where = Path(place) / f"{len(measured[name])}-{source.parent.name}-{number}"
                measured[name].append(one_round(source, given, where))
    print(f"\n{count:,} messages of about 255 bytes, {rounds} rounds in turns; medians, and the ratio with its spread")
    print(table(measured))
    return 0


def checked_out(revision: str, place: Path) -> Path:
    """The source directory of ``revision``, unpacked into ``place``. Raises CompareError where there is none."""
    git = ["git", "-C", str(ROOT)]
    try:
        found = subprocess.run(
            [*git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode:
            raise CompareError(
                f"{revision!r} is no commit of this repository; name one as git does: HEAD~1, a tag, a branch."
            )
        archive = subprocess.run([*git, "archive", found.stdout.strip(), "src"], capture_output=True, check=True)
    except OSError as error:
        raise CompareError(f"git cannot be run ({error}); revisions come from it.") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise CompareError(f"git has no src of {revision!r} ({said}).") from None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(place, filter="data")
    return place / "src"


def one_round(source: Path, given: Path, place: Path) -> dict[str, float]:
    """All quantities of one revision, once."""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, str(CHILD), str(given), str(source)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the child over {source} failed: {done.stderr[-2000:]}")
    batch = given.read_bytes().splitlines()
    seconds, cpu = asyncio.run(drained(source, batch, place))
    of_parts = {name: len(batch) / taken for name, taken in json.loads(done.stdout).items()}
    return {"record path": len(batch) / seconds, "record path, CPU": len(batch) / cpu, **of_parts}


async def drained(source: Path, batch: list[bytes], place: Path) -> tuple[float, float]:
    """Seconds, and CPU seconds of the service without its broker, from a full stream to the last commit."""
    process, ports, _ = start_service(place, PYTHONPATH=str(source), PROVIDER="PLAYBOOK")
    try:
        connection = await connect(f"nats://127.0.0.1:{ports[0]}", name="bench")
        process.send_signal(signal.SIGSTOP)
        publisher = JetStreamPublisher(connection)
        done = await publisher.store_many((SUBJECT, data, None, None) for data in batch)
        assert done.stored == len(batch)
        await publisher.close()
        await connection.close()
        before, started = cpu_seconds(process.pid), time.perf_counter()
        process.send_signal(signal.SIGCONT)
        while stored(place / "data" / "agent.db") < len(batch):
            if time.perf_counter() - started > PATIENCE:
                raise RuntimeError(f"not all logs were stored within {PATIENCE:.0f} s")
            await asyncio.sleep(0.005)
        return time.perf_counter() - started, cpu_seconds(process.pid) - before
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        stop_service(process)


def cpu_seconds(pid: int) -> float:
    """CPU time of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(measured: dict[str, list[dict[str, float]]]) -> str:
    """Medians of both, and the median and spread of the second beside the first, round by round."""
    (one, ones), (other, others) = measured.items()
    width = max(14, len(one), len(other))
    lines = [f"  {'':<18}{one:>{width}}  {other:>{width}}  {other} / {one}"]
    for name, unit in QUANTITIES.items():
        pairs = [(first[name], second[name]) for first, second in zip(ones, others, strict=True)]
        ratios = [second / first for first, second in pairs]
        medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        shown = "  ".join(f"{value:>{width},.0f}" for value in medians)
        lines.append(f"  {name:<18}{shown}  {statistics.median(ratios):.2f} x ({spread})  {unit}")
    return "\n".join(lines)
