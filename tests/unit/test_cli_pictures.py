"""``andon show`` with pictures: listed, drawn, written to files."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from andon.core.models import PictureReference
from andon.ingest.pictures.intake import PictureLimits, checked
from support.commands import Commands
from support.patience import PATIENCE
from support.pictures import BLUE, picture
from support.store_data import a_log, opened

PNG, JPEG = picture(), picture("JPEG", (800, 600), BLUE)


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Log 1 shows two pictures and awaits one, log 2 none."""
    found = tuple(checked(data, PictureLimits(), at) for at, data in enumerate((PNG, JPEG)))
    first = a_log(1, pictures=found, references=(PictureReference("shots", "[b]3.png", 2),), context='{"images": []}')

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record([first, a_log(2)], [])

    asyncio.run(work())
    return Commands(tmp_path, capsys)


def test_show_lists_the_pictures_and_draws_none_into_a_pipe(andon: Commands) -> None:
    """Type, pixels, size and name of each; those that are still to come too."""
    shown = andon("show", "1")
    assert (shown.status, shown.err) == (0, "")
    assert "picture 1  PNG, 40×30 pixels, 117 bytes, sha256 " in shown.out
    assert "picture 2  JPEG, 800×600 pixels, " in shown.out
    assert "picture awaited  object [b]3.png of the bucket shots, not fetched yet" in shown.out
    assert "▀" not in shown.out
    assert "picture" not in andon("show", "2").out


def test_show_as_json_describes_the_pictures_without_their_bytes(andon: Commands) -> None:
    """An empty list where there are none."""
    first, second = andon("show", "1", "--json").json, andon("show", "2", "--json").json
    assert [(one["type"], one["width"], one["height"], one["bytes"]) for one in first["pictures"]] == [
        ("image/png", 40, 30, len(PNG)),
        ("image/jpeg", 800, 600, len(JPEG)),
    ]
    assert all(len(one["sha256"]) == 64 for one in first["pictures"])
    assert second["pictures"] == []


def test_pictures_are_written_to_files_with_names_of_ours(andon: Commands, tmp_path: Path) -> None:
    """To the byte, into a directory that is made, again and again."""
    place = tmp_path / "new" / "pictures"
    for _ in range(2):
        done = andon("show", "1", "--save-pictures", str(place))
        assert done.status == 0
        assert "2 of 2 pictures written" in done.out
        assert "▀" not in done.out
    files = sorted(place.iterdir())
    assert [file.name[:8] + file.suffix for file in files] == ["log-1-1-.png", "log-1-2-.jpg"]
    assert [file.read_bytes() for file in files] == [PNG, JPEG]
    assert "This log has no pictures." in andon("show", "2", "--save-pictures", str(place)).out


def test_a_place_that_cannot_be_written_is_said_in_one_sentence(andon: Commands, tmp_path: Path) -> None:
    """Without a traceback."""
    (tmp_path / "file").write_text("x")
    done = andon("show", "1", "--save-pictures", str(tmp_path / "file"))
    assert done.status == 1
    assert "pictures cannot be written to" in done.err
    assert "Traceback" not in done.err


def test_a_colour_terminal_gets_a_drawing_of_twenty_lines_at_most(andon: Commands) -> None:
    """Each character shows two pixels in their own colours."""
    main, terminal = pty.openpty()
    environment = {**os.environ, **andon.settings, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "andon", "show", "1"], stdout=terminal, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        out = bytearray()
        try:
            while part := os.read(main, 65_536):
                out += part
        except OSError:  # the terminal's other end is closed: all is read
            pass
        finally:
            os.close(main)
        assert process.wait(PATIENCE) == 0
    lines = [line for line in out.decode().splitlines() if "▀" in line]
    assert "38;2;200;30;30" in lines[0]
    assert 10 < len(lines) <= 40
