"""Commands find the service that this machine has, and say who may read its settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from andon.app.cli import run as run_command
from andon.app.cli.demo import demo_settings
from andon.app.cli.output import warn_of_other_broker
from andon.app.doctor.next_step import start_here
from andon.app.running_service import NotRunning, Waking, ask
from andon.core.errors import ConfigError
from andon.core.settings import whereabouts
from andon.core.settings.announcing import announced, said
from andon.core.settings.settings import load_settings
from support.commands import Commands
from support.environment import plain_environment
from support.http_servers import StandInServer
from support.patience import PATIENCE
from support.ports import free_ports

Place = Callable[[str], Path]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing runs and nothing is installed; the working directory has no settings."""
    for name in set(os.environ) - set(plain_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setattr(whereabouts, "INSTALLED", tmp_path / "etc" / "location")
    monkeypatch.setattr(whereabouts, "RUN_BY_ROOT", tmp_path / "run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    for name in ("etc", "runtime", "elsewhere", "plant"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def install(machine: Path, toml: str = "") -> Path:
    """A service that `andon install` set up."""
    (machine / "etc" / "andon.toml").write_text(toml)
    (machine / "etc" / "location").write_text(json.dumps({"directory": str(machine / "etc"), "user": "andon"}))
    return machine / "etc"


def test_the_installed_service_is_found_with_its_files_and_paths(machine: Path) -> None:
    etc = install(machine, "http_port = 9999\nruntime = 1\n".replace("runtime = 1\n", 'runbooks = "books"\n'))
    (etc / ".env").write_text("MODEL=small\n")
    found = whereabouts.find()
    assert found is not None
    settings = load_settings(found)
    assert (settings.http_port, settings.model) == (9999, "small")
    assert settings.runbooks == etc / "books"
    assert settings.database == etc / "data" / "agent.db"
    assert "playbook" not in settings.model_fields_set, "a default stays one"
    assert settings.service == found


def test_the_demo_reaches_nobody_whom_settings_name(machine: Path) -> None:
    """An invented plant opens no real ticket: neither with the installed service's settings nor with those here."""
    connected = '\n[[webhook]]\nurl = "http://127.0.0.1:9/in"\n\n[[notify]]\nname = "crew"\nto = ["webhook"]\n'
    install(machine, "http_port = 9999\n" + connected)
    assert demo_settings().http_port == 8420, "nothing of another service"
    Path("andon.toml").write_text(
        'http_port = 9998\nsyslog_udp_port = 1514\n\n[[files]]\npaths = ["/x/*"]\n' + connected
    )
    given = load_settings()
    assert given.webhook
    assert given.notify
    assert given.files
    settings = demo_settings(site_name="Invented")
    assert (settings.http_port, settings.site_name) == (9998, "Invented")
    assert (settings.webhook, settings.notify, settings.files, settings.syslog_udp_port) == ([], [], [], 0)


def test_the_demo_starts_where_several_services_run(machine: Path) -> None:
    with ExitStack() as running:
        for name in ("one", "two"):
            (machine / name).mkdir()
            (machine / name / "andon.toml").touch()
            os.chdir(machine / name)
            place = whereabouts.own_directory() / f"{name}.json"
            running.enter_context(whereabouts.written(place, said(load_settings())))
        os.chdir(machine / "elsewhere")
        with pytest.raises(ConfigError, match="2 services run"):
            whereabouts.find()
        assert demo_settings().data_dir == Path("data")


@pytest.mark.parametrize("name", whereabouts.DECIDING)
def test_the_environment_decides(machine: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    install(machine)
    monkeypatch.setenv(name, "/x")
    assert whereabouts.find() is None


@pytest.mark.parametrize(
    ("file", "text"), [("andon.toml", ""), (".env", "export ANDON_HTTP_PORT=1\n"), ("data/agent.db", "")]
)
def test_the_working_directory_decides(machine: Path, file: str, text: str) -> None:
    install(machine)
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(text)
    assert whereabouts.find() is None


def test_the_env_file_of_another_program_decides_nothing(machine: Path) -> None:
    install(machine)
    Path(".env").write_text("MODEL=x\nAPI_KEY=y\nDATABASE_URL=z\n")
    assert whereabouts.find() is not None


def test_a_running_service_is_found_as_long_as_it_runs(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was told by its environment counts as well; the environment of the command goes before that."""
    install(machine)
    monkeypatch.chdir(machine / "plant")
    Path("andon.toml").write_text("http_port = 1\nnats_port = 2\n")
    monkeypatch.setenv("ANDON_HTTP_PORT", "3")
    monkeypatch.setenv("ANDON_TIME_ZONE", "Europe/Berlin")
    settings = load_settings(data_dir="store")
    monkeypatch.delenv("ANDON_HTTP_PORT")
    monkeypatch.delenv("ANDON_TIME_ZONE")
    with pytest.MonkeyPatch.context() as service:
        service.setenv("ANDON_HTTP_PORT", "3")
        service.setenv("ANDON_TIME_ZONE", "Europe/Berlin")
        running = announced(settings)
        running.__enter__()
    try:
        monkeypatch.chdir(machine / "elsewhere")
        found = whereabouts.find()
        assert found is not None
        assert (found.directory, found.running) == (machine / "plant", True)
        seen = load_settings(found)
        assert (seen.http_port, seen.nats_port, seen.time_zone) == (3, 2, "Europe/Berlin")
        assert seen.data_dir == machine / "plant" / "store"
        monkeypatch.setenv("ANDON_HTTP_PORT", "4")
        assert load_settings(found).http_port == 4
        assert "runs with the settings in" in told_elsewhere(monkeypatch)
    finally:
        running.__exit__(None, None, None)
    after = whereabouts.find()
    assert after is not None
    assert after.running is None, "it ended: the installed one is meant"


def told_elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said to who names another database."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DB_PATH", "/nowhere/agent.db")
        return whereabouts.start_advice()


def test_a_file_of_a_killed_service_is_not_believed(machine: Path) -> None:
    running = machine / "runtime" / "andon"
    running.mkdir()
    (running / "1.json").write_text(json.dumps({"directory": str(machine / "plant"), "user": "anna"}))
    assert whereabouts.find() is None
    with whereabouts.written(running / "2.json", {"directory": str(machine / "plant"), "user": "anna"}):
        assert [path.name for path in running.iterdir()] == ["2.json"], "what nobody holds is removed"


def test_a_service_of_another_user_is_recognised_by_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nowhere that we may look where it is."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status":"alive"}')

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setattr(whereabouts, "USUAL_PORT", server.server_port)
        monkeypatch.setattr(whereabouts, "ANSWER_WITHIN", PATIENCE)
        assert "seems to belong to another user" in whereabouts.start_advice()
        server.socket.close()
        assert whereabouts.start_advice() == "start `andon run`"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"directory": "plant", "user": "a"}', '{"directory": "/x", "user": "a", "settings": 1}']
)
def test_a_damaged_file_is_none(machine: Path, text: str) -> None:
    (machine / "etc" / "location").write_text(text)
    assert whereabouts.find() is None


def test_two_services_are_named(machine: Path) -> None:
    own = machine / "runtime" / "andon"
    with (
        whereabouts.written(own / "1.json", {"directory": "/srv/a", "user": "anna"}),
        whereabouts.written(own / "2.json", {"directory": "/srv/b", "user": "anna"}),
        pytest.raises(ConfigError, match=r"/srv/a \(user anna\), /srv/b"),
    ):
        whereabouts.find()


def test_no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a key nor a password in an address: the command says which name is missing."""
    monkeypatch.setenv("API_KEY", "s3cret")
    monkeypatch.setenv("ANDON_HTTP_TOKEN", "s3cret")
    monkeypatch.setenv("NATS_URL", "nats://a:s3cret@127.0.0.1:4222")
    monkeypatch.setenv("DB_PATH", "postgresql://a:s3cret@127.0.0.1/plant")
    told = said(load_settings())
    assert "s3cret" not in json.dumps(told)
    assert told["hidden"] == ["DB_PATH", "NATS_URL"]
    service = whereabouts.Whereabouts(Path("/srv/a"), "anna", True, told["settings"], tuple(told["hidden"]))
    monkeypatch.delenv("DB_PATH")
    with pytest.raises(ConfigError, match="has DB_PATH from its environment, with a secret"):
        load_settings(service)


def test_what_to_do_depends_on_what_is_there(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never to start a second Andon beside one that is."""
    assert whereabouts.start_advice() == "start `andon run`"
    install(machine)
    assert "sudo systemctl start andon" in whereabouts.start_advice()
    assert "andon run" not in told_elsewhere(monkeypatch)
    assert str(machine / "etc") in told_elsewhere(monkeypatch)


def test_commands_of_an_installed_service_that_never_started(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(machine)
    andon = Commands(machine, capsys, NATS_URL="", ANDON_DATA_DIR="")
    monkeypatch.setattr("support.commands._NOWHERE", None)
    done = andon("logs")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(
        f"andon: no database at {machine}/etc/data/agent.db: start the service with `sudo systemctl"
    )


#: Runs `andon logs` as nobody in each of the directories that are its arguments, behind the pointer that is the first.
_AS_NOBODY = """
import os, sys
from pathlib import Path
import andon.app.cli.logs
from andon.app.cli import main
from andon.core.settings import whereabouts

whereabouts.INSTALLED = Path(sys.argv[1])
places, sys.argv = sys.argv[2:], ["andon", "logs"]
for place in places:
    if os.fork() == 0:
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
        os.chdir(place)
        main()
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 1
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
def test_settings_that_may_not_be_read_are_one_sentence() -> None:
    """As another user: from elsewhere, and in the directory itself. Beside pytest's own, which is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        etc, secret = Path(name), Path(name) / "secret"
        secret.mkdir()
        pointer = etc / "location"
        pointer.write_text(json.dumps({"directory": str(etc), "user": "andon"}))
        (etc / ".env").write_text("API_KEY=k\n")
        (etc / ".env").chmod(0o640)
        (secret / "andon.toml").write_text("")
        (secret / "andon.toml").chmod(0o600)
        etc.chmod(0o755)
        secret.chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(pointer), "/", str(etc), str(secret)],
            env=plain_environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )
    both = "may be read by root and the group root only: put `sudo -u {} andon …` in place of `andon …`, or join the"
    assert done.stderr.splitlines() == [
        f"andon: the settings in {etc}/.env {both.format('andon')} group and log in again",
        f"andon: the settings in .env {both.format('root')} group and log in again",
        "andon: the settings in andon.toml may be read by root only: put `sudo -u root andon …` in place of `andon …`",
    ]
    assert done.returncode == 0


def test_doctor_says_first_what_to_do_here(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another service of the machine comes behind it; where that one is meant there is no other."""
    step = "start it with `andon run`"
    assert start_here(step) == step
    install(machine)
    assert "sudo systemctl start andon" in start_here(step)
    assert step not in start_here(step)
    monkeypatch.setenv("ANDON_DATA_DIR", str(machine / "mine"))
    assert start_here(step).startswith(f"{step}; elsewhere, Andon is installed with the settings in {machine}")


def test_a_service_with_other_data_that_has_our_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before its figures are shown for ours, or a log is sent to it; not where ours runs, or nothing of ours is here."""
    theirs, http, nats = tmp_path / "plant" / "data", *free_ports(2)
    own = tmp_path / "elsewhere" / "data"
    settings = load_settings(data_dir=own, http_port=http, nats_port=nats)
    with announced(load_settings(data_dir=theirs, http_port=http, nats_port=nats)):
        assert whereabouts.other_data_at("ANDON_HTTP_PORT", http, own) is None
        own.mkdir()
        assert whereabouts.other_data_at("ANDON_HTTP_PORT", http, own) == str(theirs)
        assert whereabouts.other_data_at("ANDON_HTTP_PORT", nats, own) is None
        with pytest.raises(NotRunning, match=f"is another one, which keeps its data in {theirs}, not in {own}"):
            ask(settings, "inputs")
        with pytest.raises(NotRunning, match="is another one"):
            Waking(settings)
        warn_of_other_broker(settings)
        assert f"keeps its data in {theirs}" in capsys.readouterr().err
        ports = {"ANDON_HTTP_PORT": str(http), "ANDON_NATS_PORT": str(nats)}
        runtime = os.environ["XDG_RUNTIME_DIR"]
        listed = Commands(tmp_path / "elsewhere", capsys, XDG_RUNTIME_DIR=runtime, ANDON_DATA_DIR=str(own), **ports)
        assert (listed("sources").status, "is another one" in listed("sources").err) == (0, True)
        with whereabouts.written(whereabouts.own_directory() / "ours.json", said(settings)):
            assert whereabouts.other_data_at("ANDON_HTTP_PORT", http, own) is None
            warn_of_other_broker(settings)
            assert capsys.readouterr().err == ""
    assert whereabouts.other_data_at("ANDON_HTTP_PORT", http, own) is None


def test_an_andon_that_says_nowhere_where_it_is_is_told_by_its_answer(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a demo, where a start finds the port taken; another program's answer is not taken for an Andon's."""

    class Handler(BaseHTTPRequestHandler):
        answer = b'{"status":"alive"}'

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.answer)

        def log_message(self, *_given: Any) -> None:
            pass

    with StandInServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(whereabouts, "ANSWER_WITHIN", PATIENCE)
        port = server.server_address[1]
        settings = load_settings(data_dir=machine / "mine", http_port=port)
        assert "a demo" in run_command._holder(settings, port)
        assert run_command._holder(settings, None) == ""  # as where the database is in use
        Handler.answer = b"hello"
        assert run_command._holder(settings, port) == ""
        server.shutdown()
    assert run_command._holder(settings, port) == ""
