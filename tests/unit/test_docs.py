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


def test_every_setting_has_a_sentence() -> None:
    """Each row of the settings table says in one sentence what the setting does."""
    for name, _, sentence in settings_table():
        assert sentence.endswith("."), name
        assert len(sentence) > 20, name


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
