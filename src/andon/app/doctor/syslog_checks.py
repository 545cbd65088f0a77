"""Syslog and the journal: whether what is configured can be heard."""

from __future__ import annotations

import errno
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

from andon.app.running_service import NotAnswered, NotRunning, ask
from andon.core.errors import ConfigError
from andon.core.models import CheckResult
from andon.core.settings.settings import Settings
from andon.ingest.sources.syslog_streams import tls_of

#: A certificate that ends within so many days is worth a remark.
SOON = 30
_ANSWER_WITHIN = 10.0
_DAY = 86_400


def syslog(settings: Settings) -> list[CheckResult]:
    """Ports, who may send, and the certificate."""
    ports = {
        "syslog udp": (settings.syslog_udp_port, socket.SOCK_DGRAM),
        "syslog tcp": (settings.syslog_tcp_port, socket.SOCK_STREAM),
        "syslog tls": (settings.syslog_tls_port, socket.SOCK_STREAM),
    }
    used = {name: where for name, where in ports.items() if where[0]}
    if not used:
        return []
    results = [_port(settings, name, *where) for name, where in used.items()]
    if settings.syslog_allow:
        allowed = ", ".join(settings.syslog_allow[:5]) + (" …" if len(settings.syslog_allow) > 5 else "")
        results.append(CheckResult("syslog senders", True, f"this machine and {allowed}"))
    if settings.syslog_tls_port:
        results.append(_certificate(settings))
    return results


def _port(settings: Settings, name: str, port: int, kind: socket.SocketKind) -> CheckResult:
    if port < 0:
        return CheckResult(name, True, "uses a free port, which Andon's log names")
    host = settings.syslog_host
    place = f"{host}:{port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Andon does
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _runs(settings):
            trouble = _trouble(settings, name)
            return CheckResult(name, not trouble, trouble or f"{place} is open")
        if error.errno == errno.EADDRINUSE:
            remedy = "stop it, let it forward to Andon, or choose another port"
            return CheckResult(name, False, f"another program uses {place}, and Andon does not run", remedy)
        if error.errno in (errno.EACCES, errno.EPERM):
            remedy = "run Andon with its systemd unit, which grants CAP_NET_BIND_SERVICE, or use a port such as 1514"
            return CheckResult(name, None, f"this user may not open {place}: the port is below 1024", remedy)
        return CheckResult(name, False, f"{place}: {error.strerror or error}", "correct ANDON_SYSLOG_HOST")
    if _runs(settings):
        return CheckResult(name, False, f"Andon runs but does not listen on {place}", "see /readyz, or restart Andon")
    return CheckResult(name, None, f"{place} is free: nothing listens there", "start Andon with `andon run`")


def _trouble(settings: Settings, name: str) -> str | None:
    """What keeps the service from hearing there, such as another program that has the port; None if it does not say."""
    try:
        found = ask(settings, "inputs")["items"]
    except (NotRunning, NotAnswered):
        return None
    return next((one["trouble"] for one in found if one["name"] == name), None)


def _runs(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104 - compared
    try:
        with socket.create_connection((host, settings.http_port), 2.0):
            return True
    except OSError:
        return False


def _certificate(settings: Settings) -> CheckResult:
    name = "syslog certificate"
    try:
        tls_of(settings)
    except ConfigError as error:
        return CheckResult(name, False, str(error))
    certificate, key = settings.syslog_tls_cert, settings.syslog_tls_key
    assert certificate is not None  # noqa: S101 - tls_of has looked
    assert key is not None  # noqa: S101
    try:
        left = _seconds_left(certificate, key)
    except ssl.SSLError as error:
        said = getattr(error, "verify_message", "") or str(error)
        return CheckResult(name, False, f"{certificate}: {said}", "renew it: clients refuse it")
    if left < SOON * _DAY:
        return CheckResult(
            name, None, f"{certificate} expires in {int(left // _DAY)} days", "renew it, and restart Andon"
        )
    return CheckResult(name, True, f"{certificate} is valid for {int(left // _DAY)} days")


def _seconds_left(certificate: Path, key: Path) -> float:
    """How long a certificate is valid, by a handshake in memory. Raises SSLError where a client would refuse it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key, password=lambda: "")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it is trusted for itself: only its dates count here
    client.load_verify_locations(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True))
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
        if len(done) == len(ends):
            break
    until = (ends[0].getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(str(until)) - time.time()


def journald(settings: Settings) -> list[CheckResult]:
    """Whether the journal can be read."""
    if settings.journald == "off":
        return []
    name = "journald"
    program = shutil.which("journalctl")
    if program is None:
        return [CheckResult(name, False, "this machine has no journalctl", "set ANDON_JOURNALD=off")]
    command = [program, "--quiet", "--no-pager", "--lines=1", "--output=json", "--output-fields=PRIORITY"]
    if settings.journald_directory:
        command.append(f"--directory={settings.journald_directory}")
    if settings.journald_namespace:
        command.append(f"--namespace={settings.journald_namespace}")
    try:
        found = subprocess.run(command, capture_output=True, timeout=_ANSWER_WITHIN, check=False, text=True)
    except subprocess.TimeoutExpired:
        return [CheckResult(name, None, f"journalctl does not answer within {_ANSWER_WITHIN:g} s", "run it by hand")]
    remedy = "let the user who runs Andon read it: `usermod -aG systemd-journal USER`, then restart Andon"
    if found.returncode:
        said = (found.stderr.strip().splitlines() or ["it printed no reason"])[-1]
        return [CheckResult(name, False, f"journalctl fails: {said}", remedy)]
    if not found.stdout.strip():
        return [CheckResult(name, None, "the journal is empty, or this user may not read it", remedy)]
    return [CheckResult(name, True, f"{program} reads the journal")]
