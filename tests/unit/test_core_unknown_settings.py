"""Settings that have no effect are told: in doctor and when the service starts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from andon.app.doctor.storage_checks import disk
from andon.app.http_server import HttpServer
from andon.app.web.app import build_app
from andon.core.errors import ConfigError, InUseError
from andon.core.settings.settings import load_settings
from andon.core.settings.unknown import remarks
from andon.core.telemetry import Health, Metrics
from support.commands import Commands


def test_unknown_names_are_told_with_the_closest_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment and in .env, by line; values are never shown."""
    monkeypatch.setenv("ANDON_NAST_PORT", "s3cr3t")
    monkeypatch.setenv("UNRELATED", "x")
    dotenv = tmp_path / ".env"
    dotenv.write_text("# fine\nMODEL=m\nANDON_HTTP_PROT=1\nOLAMA_HOST=http://x\nSOMETHING=else\n")
    found = remarks(dotenv)
    assert any("the environment sets ANDON_NAST_PORT" in each and "ANDON_NATS_PORT?" in each for each in found)
    assert any(".env line 3 sets ANDON_HTTP_PROT" in each and "ANDON_HTTP_PORT?" in each for each in found)
    assert any(".env line 4 sets OLAMA_HOST" in each and "OLLAMA_HOST?" in each for each in found)
    assert not any("s3cr3t" in each or "SOMETHING" in each or "UNRELATED" in each for each in found)


def test_lines_that_are_no_settings_are_told(tmp_path: Path) -> None:
    """A line without a value, and one that cannot be read."""
    dotenv = tmp_path / ".env"
    dotenv.write_text('MODEL=m\nPROVIDER OLLAMA\nexport DB_PATH="x.db"\nNATS_URL\n')
    assert [each.partition(" is ")[0] for each in remarks(dotenv)] == [f"{dotenv} line 2", f"{dotenv} line 4"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('[jira]\nurl = "https://s3cr3t.example"', "[jira] in andon.toml must be a list of tables: write [[jira]],"),
        ('[mcp_servers]\nname = "a"', "write [[mcp_servers]], in double brackets, above each"),
        (
            '[[foundry]]\n[foundry.actions]\nname = "a"',
            "[[foundry]] entry 1 in andon.toml, actions must be a list of tables: write",
        ),
        (
            "[[jira]]\nserch_lag = 1",
            "[[jira]] entry 1 in andon.toml, serch_lag: there is no such key; did you mean search_lag?",
        ),
        (
            '[[foundry]]\n[[foundry.actions]]\nnam = "a"',
            "actions, entry 1, nam: there is no such key; did you mean name?",
        ),
        ('[[notify]]\nto = ["x"]\nzzz = 1', "zzz: there is no such key; there are: about, area,"),
        (
            '[[notify]]\nto = ["x"]\nagent_proposals = "off"',
            "[[notify]] entry 1 in andon.toml, agent_proposals: there is no such key; agent_proposals is a separate setting: "
            "write it above the first table of the file",
        ),
        ('[[email]]\n[email.lists]\nagent_proposals = "off"', "agent_proposals is a separate setting"),
    ],
)
def test_slips_in_tables_are_told_with_what_was_meant(
    written: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bracket, a key with a slip, a setting below a table; values are not shown."""
    (tmp_path / "andon.toml").write_text(written)
    monkeypatch.setenv("ANDON_CONFIG", str(tmp_path / "andon.toml"))
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert told in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_good_settings_are_not_remarked(tmp_path: Path) -> None:
    """Multi-line values, comments, quotes and lower case are fine."""
    dotenv = tmp_path / ".env"
    dotenv.write_text('\n# x\nAGENT_INSTRUCTIONS="one\ntwo"\nandon_http_port=1 # fine\nANDON_CONFIG=a.toml\n')
    assert remarks(dotenv) == []


def test_doctor_notes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As remarks, with what to do."""
    monkeypatch.chdir(tmp_path)
    done = Commands(tmp_path, capsys, ANDON_HTTP_PROT="1")("doctor", "--json")
    assert any(row["ok"] is None and "ANDON_HTTP_PROT" in row["detail"] for row in done.json)


def test_doctor_complains_of_a_data_directory_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file itself, or one above the directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        result = disk(load_settings(data_dir=place, db_path=""))
        assert (result.ok, "is a file" in result.detail) == (False, True)


def server(host: str, port: int) -> HttpServer:
    """An HTTP server, not bound."""

    async def refresh() -> None: ...

    return HttpServer(build_app(Health(), Metrics(), refresh), host, port)


def test_http_port_that_is_taken(tmp_path: Path) -> None:
    """Another program has it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InUseError, match="ANDON_HTTP_PORT"):
            server("127.0.0.1", taken.getsockname()[1]).bind()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_http_host_that_is_not_ours(host: str) -> None:
    """Not an address of this machine, or no name at all."""
    with pytest.raises(ConfigError, match="ANDON_HTTP_HOST"):
        server(host, 0).bind()
