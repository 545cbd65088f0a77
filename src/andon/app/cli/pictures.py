"""The pictures of a log, for ``andon show``: listed, drawn with half-block characters, and written to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from andon.app.cli.output import console, plain
from andon.core.errors import AndonError, PictureRefused
from andon.core.private_files import PRIVATE, written_whole
from andon.core.text import shown_size
from andon.ingest.pictures.header import SUFFIXES
from andon.ingest.pictures.shrink import thumbnail

if TYPE_CHECKING:
    from andon.core.models import Picture, PictureFetch

#: A drawing's size at most: characters wide, lines high. A line shows two rows of pixels.
COLUMNS, LINES = 60, 18


def as_object(picture: Picture) -> dict[str, Any]:
    """A picture for ``--json``: what it is, without its bytes."""
    return {
        "sha256": picture.sha256,
        "type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "bytes": picture.size,
    }


def print_pictures(pictures: list[Picture], awaited: list[PictureFetch]) -> None:
    """A line for each, and on a colour terminal a drawing (pictures come with their bytes there)."""
    for number, picture in enumerate(pictures, 1):
        kind = picture.media_type.removeprefix("image/").upper()
        size = shown_size(picture.size)
        line = f"{kind}, {picture.width}×{picture.height} pixels, {size}, sha256 {picture.sha256[:16]}…"
        console.print(Text.assemble((f"picture {number}", "bold"), "  ", line), soft_wrap=True)
        if picture.data and draws():
            console.print(_drawing(picture))
    for fetch in awaited:
        tried = f" after {fetch.attempts} tries" if fetch.attempts > 1 else ""
        text = f"object {fetch.name} of the bucket {fetch.bucket}, not fetched yet{tried}"
        console.print(Text.assemble(("picture awaited", "bold"), "  ", text), soft_wrap=True)


def draws() -> bool:
    """Whether drawings have a place: on a terminal with colours."""
    return console.is_terminal and console.color_system is not None and not console.no_color


def save(log_id: int, pictures: list[Picture], directory: Path) -> list[Path]:
    """Write each to ``directory``, named by log, place and content; files of that name are written over.

    Raises AndonError where that cannot be done.
    """
    written = []
    try:
        PRIVATE.make_directory(directory)
        for number, picture in enumerate(pictures, 1):
            path = directory / f"log-{log_id}-{number}-{picture.sha256[:12]}{SUFFIXES.get(picture.media_type, '.bin')}"
            with written_whole(path) as file:
                file.write(picture.data)
            written.append(path)
    except OSError as error:
        raise AndonError(
            f"pictures cannot be written to {directory} ({error.strerror}): name a directory with room that you may "
            "write to"
        ) from None
    return written


def _drawing(picture: Picture) -> Text:
    """The picture in coloured half blocks: the upper pixel is the letter's colour, the lower one the background's."""
    try:
        rows = thumbnail(picture, min(COLUMNS, console.width - 1), 2 * LINES)
    except PictureRefused as reason:
        return plain(f"  (not drawn: it {reason})")
    drawing = Text(no_wrap=True)
    for top in range(0, len(rows), 2):
        below = rows[top + 1] if top + 1 < len(rows) else [None] * len(rows[top])
        for upper, lower in zip(rows[top], below, strict=True):
            style = f"#{upper[0]:02x}{upper[1]:02x}{upper[2]:02x}"
            if lower is not None:
                style += f" on #{lower[0]:02x}{lower[1]:02x}{lower[2]:02x}"
            drawing.append("▀", style=style)
        drawing.append("\n")
    drawing.rstrip()
    return drawing
