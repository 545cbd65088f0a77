"""Where the settings in force come from, as System tells it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from andon.core.settings.origins import origins
from andon.core.settings.settings import load_settings
from support.environment import plain_environment


def test_each_place_is_told_and_defaults_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment goes before .env, which goes before andon.toml; what is in none was said at the start."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(plain_environment()):
        monkeypatch.delenv(name)
    Path("andon.toml").write_text('site_name = "A"\ntime_zone = "Europe/Berlin"\nrecord_batch = 100\n')
    Path(".env").write_text("ANDON_SITE_NAME=B\nANDON_TIME_ZONE=Europe/Vienna\n")
    monkeypatch.setenv("ANDON_SITE_NAME", "C")
    assert origins(load_settings(http_port=9000)) == {
        "ANDON_SITE_NAME": "environment",
        "ANDON_TIME_ZONE": ".env",
        "ANDON_RECORD_BATCH": "andon.toml",
        "ANDON_HTTP_PORT": "command line",
    }
