"""Who reaches a running service: its files on this machine, and its HTTP side from a browser."""

from __future__ import annotations

import os
import stat
import urllib.error
import urllib.request
from pathlib import Path

from support.environment import without_proxy
from support.patience import PATIENCE
from support.service import Andon, log, running


def asked_as(andon: Andon, host: str) -> tuple[int, str]:
    """Status and body of ``/readyz``, asked for under a name."""
    request = urllib.request.Request(f"http://127.0.0.1:{andon.http_port}/readyz", headers={"Host": host})
    try:
        with without_proxy().open(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_service_is_open_to_its_user_and_its_names_only(tmp_path: Path) -> None:
    """Nothing that it or its broker makes is open to others, however generous the umask; other names are refused."""
    before = os.umask(0)
    try:
        with running(tmp_path, ANDON_HTTP_HOSTS="andon.plant.example") as andon:
            andon.publish(log("spindle hot"))
            andon.until(lambda: andon.count() == 1, "the log")
            made = [andon.data, *andon.data.rglob("*")]
            assert len(made) > 10
            assert [path for path in made if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []
            assert b"open to its user only" in andon.cli("doctor").stdout
            assert asked_as(andon, "andon.plant.example")[0] == 200
            status, body = asked_as(andon, "turned.attacker.example")
            assert (status, "ANDON_HTTP_HOSTS" in body) == (421, True)
    finally:
        os.umask(before)
