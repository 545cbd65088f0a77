"""Who reaches a running service: its files on this machine, and its HTTP side from a browser."""

from __future__ import annotations

import contextlib
import os
import stat
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from support.environment import without_proxy
from support.patience import PATIENCE
from support.service import Andon, log, running
from support.site import Caller


def asked_as(andon: Andon, host: str) -> tuple[int, str]:
    """Status and body of ``/readyz``, asked for under a name."""
    request = urllib.request.Request(f"http://127.0.0.1:{andon.http_port}/readyz", headers={"Host": host})
    try:
        with without_proxy().open(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def modes_of(paths: Iterable[Path]) -> dict[Path, int]:
    """The modes of files, but of those that are gone since they were listed: a broker replaces some at any time."""
    found: dict[Path, int] = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found[path] = stat.S_IMODE(path.lstat().st_mode)
    return found


def test_a_service_is_open_to_its_user_and_its_names_only(tmp_path: Path) -> None:
    """Nothing that it or its broker makes is open to others, however generous the umask; other names are refused."""
    before = os.umask(0)
    try:
        with running(tmp_path, ANDON_HTTP_HOSTS="andon.plant.example") as andon:
            andon.publish(log("spindle hot"))
            andon.until(lambda: andon.count() == 1, "the log")
            modes = modes_of([andon.data, *andon.data.rglob("*")])
            assert len(modes) > 10
            assert [path for path, mode in modes.items() if mode & 0o077] == []
            assert b"open to its user only" in andon.cli("doctor").stdout
            assert asked_as(andon, "andon.plant.example")[0] == 200
            status, body = asked_as(andon, "turned.attacker.example")
            assert (status, "ANDON_HTTP_HOSTS" in body) == (421, True)
    finally:
        os.umask(before)


def test_a_login_by_the_commands_and_nothing_of_it_anywhere(tmp_path: Path) -> None:
    """Commands beside the service let in and out; no password, token or cookie is in a log, the database, or doctor."""
    with running(tmp_path, ANDON_HTTP_LOGIN="always", ANDON_HTTP_TOKEN="settings-t0ken") as andon:
        password = "four words in here"
        assert b"nobody can log in" in andon.cli("doctor").stdout
        added = andon.cli(
            "user", "add", "Jörg", "--role", "operator", "--password-stdin", stdin=f"{password}\n".encode()
        )
        assert added.returncode == 0, added.stderr
        token = andon.cli("token", "add", "mes", "--role", "viewer").stdout.decode().strip()
        caller = Caller(andon.http_port)
        wrong = caller.log_in("JÖRG", "another guess at it")
        assert wrong.status == 401
        assert caller.log_in("JÖRG", password).status == 303
        assert "Jörg" in caller.get("/").text
        for bearer, status in ((token, 200), ("settings-t0ken", 200), ("other", 401)):
            assert Caller(andon.http_port)("GET", "/api/logs", Authorization=f"Bearer {bearer}").status == status
        doctor = andon.cli("doctor").stdout
        assert b"1 user, 0 administrators" in doctor
        assert andon.cli("user", "disable", "jörg").returncode == 0
        assert caller.get("/").status == 303
        said = andon.log().encode() + doctor + added.stdout + added.stderr + wrong.text.encode()
        kept = b"".join(path.read_bytes() for path in andon.data.glob("agent.db*"))
        for secret in (password, "another guess at it", token, caller.cookies["andon_session"], "settings-t0ken"):
            assert secret.encode() not in said + kept
        assert [row[0] for row in andon.sql("SELECT action FROM audit ORDER BY id")] == [
            "user.add",
            "token.add",
            "user.login_failed",
            "user.login",
            "user.disable",
        ]
