"""``andon send --image``: picture files go with a log, whatever their size, or are refused with the reason."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.commands import Commands
from support.pictures import picture
from support.service import running, until


def test_small_pictures_travel_in_the_message_and_large_ones_through_the_object_store(tmp_path: Path) -> None:
    """Both are stored with the log as they are, beside the pictures that --context names."""
    small = picture(size=(300, 200))
    large = picture("BMP", size=(800, 600))  # 1.4 MB: more than a message of the broker takes
    for name, data in (("a.png", small), ("b.bmp", large)):
        (tmp_path / name).write_bytes(data)
    with running(tmp_path) as andon:
        files = [f"--image={tmp_path / name}" for name in ("a.png", "b.bmp")]
        done = andon.cli("send", "Label check failed", *files, "--context", '{"station": 4, "images": "x"}')
        assert (done.returncode, done.stdout) == (0, b"1 log sent to agent.technical.support\n"), done.stderr
        until(lambda: andon.count("log_pictures") == 2, "both pictures")
        assert sorted(row[0] for row in andon.sql("SELECT data FROM pictures")) == sorted([small, large])
        shown = json.loads(andon.cli("show", "1", "--json").stdout)
        assert shown["context"]["station"] == 4
        assert shown["context"]["images"][0] == "x"
        assert [(one["type"], one["width"]) for one in shown["pictures"]] == [("image/png", 300), ("image/bmp", 800)]
        again = andon.cli("send", "Label check failed again", files[1])
        assert again.returncode == 0
        until(lambda: andon.count("log_pictures") == 3, "the second log")
        assert andon.count("pictures") == 2


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing and not a PNG"),
        ("notes.png", b"hello", "is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture"),
        ("cut.png", picture()[:14], "is a PNG file whose header is cut off"),
        ("empty.png", b"", "is empty"),
        ("large.png", picture() + os.urandom(5_000), "bytes, ANDON_PICTURE_MAX_BYTES allows 4,000"),
        ("missing.png", None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_before_anything_is_sent(
    name: str, data: bytes | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence that names the file."""
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    done = Commands(tmp_path, capsys, ANDON_PICTURE_MAX_BYTES="4000")("send", "x", "--image", str(path))
    assert done.status == 1
    assert f"{path} " in done.err
    assert reason in done.err
    assert "nothing was sent" in done.err


def test_pictures_go_with_a_message_and_not_with_a_file_of_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which names its own; and no log has more than eight."""
    file = tmp_path / "a.png"
    file.write_bytes(picture())
    andon = Commands(tmp_path, capsys)
    assert "goes with a MESSAGE" in andon("send", "--file", "-", "--image", str(file)).err
    assert "8 pictures, these are 9" in andon("send", "x", *["--image", str(file)] * 9).err
