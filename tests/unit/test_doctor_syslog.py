"""What `andon doctor` finds out about syslog and the journal."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from andon.app.doctor import syslog_checks
from andon.app.doctor.source_checks import sources
from andon.app.doctor.syslog_checks import journald, syslog
from andon.core.models import CheckResult
from andon.core.settings.settings import load_settings
from andon.ingest.sources.configured import without_effect
from support.commands import Commands
from support.ports import free_ports


def certificate(place: Path, days: int) -> tuple[Path, Path]:
    """A certificate that ends in so many days, and its key."""
    key = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=andon", "-keyout", "k.pem"]
    sign = ["-in", "c.csr", "-signkey", "k.pem", "-days", str(days), "-out", "c.pem"]
    for command in (["req", *key, "-out", "c.csr"], ["x509", "-req", *sign]):
        subprocess.run(["openssl", *command], cwd=place, check=True, capture_output=True)
    return place / "c.pem", place / "k.pem"


def checked(name: str, results: list[CheckResult]) -> CheckResult:
    """The line of one check."""
    return next(one for one in results if one.name == name)


def test_nothing_is_said_where_nothing_is_configured() -> None:
    """Neither of syslog nor of the journal."""
    assert syslog(load_settings()) == []
    assert journald(load_settings()) == []


def test_ports() -> None:
    """Free, taken by another, open with Andon running (whose HTTP port answers), closed with it running."""
    syslog_port, http_port = free_ports(2)
    settings = load_settings(syslog_tcp_port=syslog_port, http_port=http_port, syslog_allow="10.0.0.0/8")
    [free, senders] = syslog(settings)
    assert (free.ok, free.detail) == (None, f"127.0.0.1:{syslog_port} is free: nothing listens there")
    assert senders.detail == "this machine and 10.0.0.0/8"
    with socket.create_server(("127.0.0.1", syslog_port)):
        taken = syslog(settings)[0]
        assert taken.ok is False
        assert "another program uses" in taken.detail
        with socket.create_server(("127.0.0.1", http_port)):
            assert syslog(settings)[0].ok is True
    with socket.create_server(("127.0.0.1", http_port)):
        assert syslog(settings)[0].detail.startswith("Andon runs but does not listen")


def test_a_port_that_another_program_has_beside_andon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in use, and Andon runs: only Andon knows that it does not hear there."""
    trouble = "another program has the port"
    syslog_port, http_port = free_ports(2)
    settings = load_settings(syslog_tcp_port=syslog_port, http_port=http_port)
    monkeypatch.setattr(syslog_checks, "ask", lambda *_: {"items": [{"name": "syslog tcp", "trouble": trouble}]})
    with socket.create_server(("127.0.0.1", syslog_port)), socket.create_server(("127.0.0.1", http_port)):
        found = syslog(settings)[0]
    assert (found.ok, found.detail) == (False, trouble)


@pytest.mark.parametrize(("days", "ok"), [(90, True), (5, None)])
def test_certificates(tmp_path: Path, days: int, ok: bool | None) -> None:
    """How long it is good for."""
    cert, key = certificate(tmp_path, days)
    settings = load_settings(syslog_tls_port=-1, syslog_tls_cert=cert, syslog_tls_key=key)
    assert checked("syslog certificate", syslog(settings)).ok is ok
    key.unlink()
    broken = checked("syslog certificate", syslog(settings))
    assert broken.ok is False
    assert "ANDON_SYSLOG_TLS_KEY" in broken.detail


def test_a_certificate_that_has_ended(tmp_path: Path) -> None:
    """Clients would refuse it."""
    cert, key = certificate(tmp_path, -1)
    found = checked(
        "syslog certificate", syslog(load_settings(syslog_tls_port=-1, syslog_tls_cert=cert, syslog_tls_key=key))
    )
    assert found.ok is False
    assert "expired" in found.detail


def test_a_journal_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program, one that fails, an empty journal, one with an entry."""
    settings = load_settings(journald="on", journald_directory=tmp_path, journald_namespace="plant")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = tmp_path / "journalctl"
    for script, ok in (("echo broken >&2; exit 1", False), ("exit 0", None), ("echo '{}'", True)):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        [found] = journald(settings)
        assert found.ok is ok
    monkeypatch.setenv("PATH", "/nowhere")
    [found] = journald(settings)
    assert found.detail == "this machine has no journalctl"


def test_what_has_no_effect_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables of senders without a port, names of units without the journal: by the doctor and with the sources."""
    table = {"senders": ["press-*"], "site": "north"}
    units = load_settings(syslog=[table], syslog_allow="10.0.0.0/8", journald_units="sshd.service")
    said = [one for one in sources(units) if one.name == "sources"]
    assert [(one.ok, one.detail, one.remedy) for one in said] == [
        (
            None,
            "ANDON_SYSLOG_ALLOW, [[syslog]] has no effect, because no port for syslog is set",
            "set syslog_udp_port, syslog_tcp_port or syslog_tls_port",
        ),
        (None, "ANDON_JOURNALD_UNITS has no effect, because the journal is not read", 'set journald = "on"'),
    ]
    assert list(without_effect(load_settings(syslog=[table], syslog_udp_port=-1))) == []
    (port,) = free_ports(1)
    listed = Commands(tmp_path, capsys, ANDON_HTTP_PORT=str(port), ANDON_SYSLOG=json.dumps([table]))("sources")
    assert (listed.status, "[[syslog]] has no effect" in listed.err) == (0, True)
