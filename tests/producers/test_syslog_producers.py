"""Debian's rsyslog and syslog-ng with the files in ``examples``, util-linux' logger, and journald, while Andon is killed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from producers.debian import RSYSLOG, SYSLOG_NG, libraries, unpacked
from producers.trial import KILLED, PARTS, STARTED, Outcome, killed_twice, text_of
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import Andon, until

pytestmark = pytest.mark.producers

EXAMPLES = Path(__file__).parents[2] / "examples" / "syslog"
#: The port in the files of ``examples``.
PORT = 1514
#: A receiver that dies takes along what it had not read, and the sender what it had written: up to some 100 KiB each.
IN_FLIGHT = 2_500


@contextlib.contextmanager
def process(command: list[str], place: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in the foreground, ended at the end."""
    with (place / "producer.log").open("ab") as log:
        running = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log, stdin=subprocess.PIPE)
    try:
        yield running
    finally:
        if running.stdin is not None:
            running.stdin.close()
        running.terminate()
        running.wait(PATIENCE)


def through(path: Path) -> Callable[[range], None]:
    """What writes numbered logs to the socket of a local syslog daemon."""
    until(path.exists, "the daemon's socket")

    def send(numbers: range) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
            local.connect(str(path))
            for number in numbers:
                local.send(f"<155>press[411]: {text_of(number)}".encode())

    return send


def judged(outcome: Outcome) -> None:
    """Of what plain TCP carried, no more is missing than lay in the sockets when Andon died."""
    assert outcome.lost_in_outages() == []
    assert len(outcome.missing) <= 2 * IN_FLIGHT


@pytest.mark.parametrize("orderly", [False, True], ids=["killed", "stopped"])
def test_rsyslog(service: Callable[..., Andon], tmp_path: Path, orderly: bool) -> None:
    """With the queue of the example it loses what lay in the socket when Andon is killed, and nothing when it stops."""
    andon = service(ANDON_SYSLOG_TCP_PORT=str(PORT))
    root = unpacked(RSYSLOG)
    (tmp_path / "work").mkdir()
    (tmp_path / "rsyslog.conf").write_text(
        f'global(workDirectory="{tmp_path}/work")\n'
        'module(load="imuxsock" SysSock.Use="off")\n'
        f'input(type="imuxsock" Socket="{tmp_path}/log" CreatePath="on")\n'
        f'include(file="{EXAMPLES}/60-andon.conf")\n'
    )
    modules = root / "usr/lib/x86_64-linux-gnu/rsyslog"
    command = [str(root / "usr/sbin/rsyslogd"), "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")]
    with process([*command, "-M", str(modules)], tmp_path, libraries(root)):
        outcome = killed_twice(andon, through(tmp_path / "log"), orderly=orderly)
        judged(outcome)
        assert not orderly or outcome.stored == outcome.sent


@pytest.mark.parametrize("orderly", [False, True], ids=["killed", "stopped"])
def test_syslog_ng(service: Callable[..., Andon], tmp_path: Path, orderly: bool) -> None:
    """The same with its disk buffer."""
    andon = service(ANDON_SYSLOG_TCP_PORT=str(PORT))
    root = unpacked(SYSLOG_NG)
    for name in ("state", "buffer"):
        (tmp_path / name).mkdir()
    example = (EXAMPLES / "andon-syslog-ng.conf").read_text()
    (tmp_path / "syslog-ng.conf").write_text(
        f'@version: 3.35\n@define disk-buffer-dir "{tmp_path}/buffer"\n'
        f'source s_src {{ unix-dgram("{tmp_path}/log" flags(no-hostname)); }};\n{example}'
    )
    command = [str(root / "usr/sbin/syslog-ng"), "-F", "--no-caps", "--module-path", f"{root}/usr/lib/syslog-ng/3.38"]
    command += ["-f", f"{tmp_path}/syslog-ng.conf", "-R", f"{tmp_path}/state/persist", "-c", f"{tmp_path}/ctl"]
    with process([*command, "-p", f"{tmp_path}/pid"], tmp_path / "buffer", libraries(root)):
        outcome = killed_twice(andon, through(tmp_path / "log"), orderly=orderly)
        judged(outcome)
        assert not orderly or outcome.stored == outcome.sent


@pytest.mark.parametrize("how", [["-T"], ["-T", "--octet-count"]], ids=["lines", "counted"])
def test_logger(service: Callable[..., Andon], how: list[str]) -> None:
    """It keeps nothing: a script that sends again where it fails loses what lay in the socket."""
    [port] = free_ports(1)
    andon = service(ANDON_SYSLOG_TCP_PORT=str(port))

    def send(numbers: range) -> None:
        texts = "".join(f"{text_of(number)}\n" for number in numbers).encode()
        kept.append(texts)
        while kept:
            command = ["logger", "-n", "127.0.0.1", "-P", str(port), *how, "-t", "press", "-p", "local3.err"]
            if subprocess.run(command, input=kept[0], check=False, capture_output=True).returncode:
                return  # Andon is away: with the next part
            kept.pop(0)

    kept: list[bytes] = []
    judged(killed_twice(andon, send))


def test_logger_over_udp(service: Callable[..., Andon]) -> None:
    """Nothing is promised: what is sent while Andon is away is lost, and no more than that here."""
    [port] = free_ports(1)
    andon = service(ANDON_SYSLOG_UDP_PORT=str(port))

    def send(numbers: range) -> None:
        texts = "".join(f"{text_of(number)}\n" for number in numbers).encode()
        command = ["logger", "-n", "127.0.0.1", "-P", str(port), "-d", "-t", "press", "-p", "local3.err"]
        subprocess.run(command, input=texts, check=False, capture_output=True)

    outcome = killed_twice(andon, send, quiet=5.0)
    around = [range(one - 5, two + 1) for one, two in zip(KILLED, STARTED, strict=True)]
    assert not [n for n in outcome.missing if not any(n * PARTS // outcome.sent in parts for parts in around)]


_JOURNAL = """
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /var/log/journal || exit 9
mount --bind "$1" /var/log/journal || exit 9
/lib/systemd/systemd-journald & daemon=$!
while ! test -S /run/systemd/journal/stdout; do sleep 0.05; done
touch /run/systemd/journal/flushed
kill -USR1 $daemon
trap 'kill $daemon' EXIT
trap exit TERM
systemd-cat -t press -p err <&0 &
wait $!
"""


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="needs root, for a mount namespace")
def test_journald(service: Callable[..., Andon], tmp_path: Path) -> None:
    """A journald of its own, in a mount namespace: the journal keeps everything, so nothing is lost."""
    journal = tmp_path / "journal"
    journal.mkdir()
    command = ["unshare", "--mount", "bash", "-c", _JOURNAL, "bash", str(journal)]
    with process(command, tmp_path, dict(os.environ)) as writer:
        assert writer.stdin is not None
        until(lambda: list(journal.glob("*/system.journal")), "the journal")
        andon = service(ANDON_JOURNALD="on", ANDON_JOURNALD_DIRECTORY=str(journal))

        def send(numbers: range) -> None:
            assert writer.stdin is not None
            writer.stdin.write("".join(f"{text_of(number)}\n" for number in numbers).encode())
            writer.stdin.flush()

        # The first entries must not come before the place in the journal is known.
        until(lambda: (andon.data / "sources" / "journald.cursor").exists(), "a place in the journal")
        outcome = killed_twice(andon, send)
        assert (outcome.stored, outcome.twice) == (outcome.sent, 0)
        writer.stdin.close()
    [state] = json.loads(andon.get("/api/inputs")[1])["items"]
    assert state["trouble"] is None
