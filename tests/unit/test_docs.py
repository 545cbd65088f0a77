"""Documentation is part of the product: generated pages are fresh, and what is promised is there."""

from __future__ import annotations

import re
import runpy
import sys
import tomllib
from pathlib import Path

import pytest

from andon.core.settings.settings import Settings, environment_name, settings_table

ROOT = Path(__file__).parents[2]


def test_generated_pages_are_fresh(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`make docs` would change nothing: settings, commands, and the README's table."""
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    status = runpy.run_path(str(ROOT / "docs" / "generate.py"))["main"]()
    assert status == 0, capsys.readouterr().out


def test_samples_name_no_path_of_the_machine_that_made_them() -> None:
    """Neither the home of whoever ran ``make docs`` nor their Python."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    paths = re.findall(r"/(?:root|home|tmp|work|Users)/[^\s,:`]*|[^\s]*pyenv[^\s]*", text)
    assert {one for one in paths if not one.startswith("/home/service/andon")} == set()


def test_every_setting_has_a_sentence() -> None:
    """Each row of the settings table says in one sentence what the setting does."""
    for name, _, sentence in settings_table():
        assert sentence.endswith("."), name
        assert len(sentence) > 20, name


def test_settings_page_has_every_setting_once_with_its_default() -> None:
    """In a section, not in a list of everything; the default is the one in force where nothing is set."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| ", page.partition("## Site")[2], re.MULTILINE))
    assert len(rows) == len(re.findall(r"^\| `\w+` \| ", page, re.MULTILINE))
    table = {name: default for name, default, _ in settings_table()}
    assert sorted(rows) == sorted(table)
    for name, cell in rows.items():
        if (shown := re.match("`([^`]+)`", cell)) and name not in {"DB_PATH", "MODEL"}:
            assert shown[1] in (table[name], table[name].removesuffix(".0")), name
        elif cell.startswith("[this text]"):
            assert f"\n> {table[name]}\n" in page, name
        else:
            assert table[name] in ("", "[]", "{}") or name == "DB_PATH", name
    usual = Settings()
    assert rows["MODEL"] == f"`{usual.model_name}`"
    assert (rows["DB_PATH"], usual.database) == ("`agent.db` in `ANDON_DATA_DIR`", Path("data/agent.db"))
    assert usual.embedded_broker
    shifts = ", ".join(f"{one.name} {one.start:%H:%M}–{one.end:%H:%M}" for one in usual.shifts)
    assert rows["ANDON_SHIFTS"] == f"`{shifts}`"


def test_example_files_name_real_settings() -> None:
    """.env.example and andon.example.toml use settings that exist."""
    names = {environment_name(field) for field in Settings.model_fields}
    in_env = re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(in_env) <= names
    in_toml = tomllib.loads((ROOT / "andon.example.toml").read_text())
    assert set(in_toml) <= set(Settings.model_fields)


def test_lock_names_no_registry_host() -> None:
    """The requirements lock is hashed and free of addresses."""
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert "://" not in lock
