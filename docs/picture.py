"""Draw docs/demo.svg: what ``andon demo`` prints, run for real in a temporary directory."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

from andon.app.cli import demo
from andon.app.cli.output import console

HERE = Path(__file__).resolve().parent
WIDTH = 100
ROWS = 12


def main() -> None:
    """Record what the demo prints and save the picture."""
    console.record, console.width = True, WIDTH
    # In a directory of its own, so that the paths it prints are the short ones a user sees.
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        demo.demo(data_dir=Path("data/demo"), once=True, stay=False, open_page=False, rows=ROWS)
        picture = console.export_svg(title="andon demo --once")
    # The picture must not fetch fonts from anywhere.
    picture = re.sub(r"@font-face\s*{[^}]*}", "", picture)
    (HERE / "demo.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
