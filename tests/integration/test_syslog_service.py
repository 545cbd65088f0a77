"""Syslog into the running service, as util-linux' logger sends it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.ports import free_ports
from support.service import running

LOGGER = shutil.which("logger")


@pytest.mark.skipif(LOGGER is None, reason="util-linux' logger is not installed")
def test_logger_reaches_the_database(tmp_path: Path) -> None:
    """Over TCP in both framings and over UDP, with the fields in their columns; a kill between loses nothing stored."""
    tcp, udp = free_ports(2)
    settings = {"ANDON_SYSLOG_TCP_PORT": str(tcp), "ANDON_SYSLOG_UDP_PORT": str(udp)}

    def logger(*how: str, port: int = tcp) -> None:
        command = [str(LOGGER), "-n", "127.0.0.1", "-P", str(port), "-t", "press", "-p", "local3.err", *how]
        subprocess.run(command, check=True, timeout=60)

    with running(tmp_path, **settings) as andon:
        # Each by a connection of its own, between which there is no order: the next goes when the last is there.
        logger("-T", "first line\nsecond line")
        andon.until(lambda: andon.count() == 1, "a log")
        logger("-T", "--octet-count", "counted line\nand one more")
        andon.until(lambda: andon.count() == 2, "a counted one")
        logger("-d", "a datagram", port=udp)
        andon.until(lambda: andon.count() == 3, "a datagram")
        andon.kill()
        andon.start()
        with socket.create_connection(("127.0.0.1", tcp)) as connection:
            connection.sendall(b"99999999 <11>a count that lies")
            assert connection.recv(1) == b""
        logger("-T", "--rfc3164", '{"level":"warn","msg":"from a container"}')
        andon.until(lambda: andon.count() == 4, "a log after the kill")
        rows = andon.sql("SELECT hostname, severity, service, message, context FROM agent_logs ORDER BY id")

        def state() -> dict[str, Any]:
            return next(one for one in json.loads(andon.get("/api/inputs")[1])["items"] if one["name"] == "syslog tcp")

        andon.until(
            lambda: state()["taken"], "counted"
        )  # once the broker has said that it has it, which others hear too
        assert (state()["taken"], state()["refused"]) == (1, {"octet count that is too large": 1})
        assert 'andon_source_taken_total{source="syslog tcp"} 1.0' in andon.get("/metrics")[1]
        assert andon.stop() == 0
    host = socket.gethostname().partition(".")[0]
    assert [row[0].partition(".")[0] for row in rows] == [host] * 4
    assert [row[1:4] for row in rows] == [
        ("ERROR", "press", "first line\nsecond line"),
        ("ERROR", "press", "counted line\nand one more"),
        ("ERROR", "press", "a datagram"),
        ("WARNING", "press", "from a container"),
    ]
    assert all(json.loads(row[4])["facility"] == "local3" for row in rows)
