"""Draw docs/demo.svg: what ``andon demo`` prints, run for real in a temporary directory."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from rich.console import Console

from andon.cli import demo, output

WIDTH = 124
ROWS = 12


def main() -> None:
    """Run the demo into a recording console and save the picture."""
    output.console = Console(record=True, width=WIDTH, highlight=False)
    with tempfile.TemporaryDirectory() as place:
        demo.demo(data_dir=Path(place) / "demo", stay=False, rows=ROWS)
        picture = output.console.export_svg(title="make demo").replace(place, "data")
    # The picture must not fetch fonts from anywhere.
    picture = re.sub(r"@font-face\s*{[^}]*}", "", picture)
    (Path(__file__).parent / "demo.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
