"""``andon actions`` in a terminal, beside a running service and beside none: what is approved arrives once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from support.desk import desk, install_desk
from support.service import Andon, log, running, until


def andon(service: Andon, *arguments: str, stdin: bytes = b"") -> str:
    """What a command prints, which has to succeed."""
    done = service.cli(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_what_is_approved_in_a_terminal_is_sent_once(tmp_path: Path) -> None:
    """At once while the service runs; where none runs the command says so, and the next service sends it."""
    install_desk(tmp_path / "packages")
    path = os.pathsep.join(filter(None, (str(tmp_path / "packages"), os.environ.get("PYTHONPATH"))))
    with desk() as counter:
        settings = {"ANDON_CONNECTORS": json.dumps(counter.table()), "PYTHONPATH": path}
        with running(tmp_path, **settings) as service:
            service.publish(log("Spindle stands"), log("Door open", hostname="press-02"))
            service.until(lambda: service.count("patterns") == 2, "the problems")
            made: Any = json.loads(andon(service, "actions", "propose", "1", "desk", "--json"))
            told = andon(service, "actions", "approve", "1", stdin=b"y\n")
            assert made["requests"][0]["body"] in told
            assert "The running service sends it now" in told
            until(lambda: len(counter.taken) == 1, "the ticket")
            until(lambda: service.sql("SELECT 1 FROM actions WHERE status = 'done'"), "that it is done")
            assert "OPS-1" in andon(service, "actions", "show", "1")
            service.stop()
            andon(service, "actions", "propose", "2", "desk")
            told = andon(service, "actions", "approve", "2", "--yes")
            assert "nothing is sent until `andon run` starts one" in told
            assert len(counter.taken) == 1
            service.start()
            until(lambda: len(counter.taken) == 2, "the ticket that waited")
            until(lambda: service.sql("SELECT ref FROM tickets ORDER BY id") == [("OPS-1",), ("OPS-2",)], "both")
            (approved, sent), *_ = service.sql("SELECT decided_at, sent_at FROM actions WHERE id = 1")
            assert sent >= approved
