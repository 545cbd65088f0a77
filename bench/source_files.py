"""Files as a way in that is measured: a file that lies there whole is read from its beginning."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from andon.core.settings.settings import load_settings
from andon.ingest.sources.files.file_source import sources
from andon.ingest.sources.outlet import Outlet
from bench.record_path import messages


def place_of(port: int) -> Path:
    """Where the file comes to lie that goes with a port, which is only a number here."""
    return Path(tempfile.gettempdir()) / f"andon-bench-files-{port}"


class FilesSource:
    """Follows that directory, and removes it."""

    name = "files"

    def __init__(self, port: int) -> None:
        self._place = place_of(port)
        self._place.mkdir()
        table = {"paths": [str(self._place / "*.log")], "start": "beginning"}
        self._source = sources(load_settings(files=[table], data_dir=str(self._place / "data")))[0]
        self.address = self._source.address

    async def run(self, outlet: Outlet) -> None:
        try:
            await self._source.run(outlet)
        finally:
            shutil.rmtree(self._place)


def main() -> None:
    """The sender: make the file, say so, wait, put it where it is looked for."""
    port, count = map(int, sys.argv[1:])
    place = place_of(port)
    # one more than is waited for: the last line of a file is held for a while, as another may belong to it
    (place / "made").write_bytes(b"".join(data + b"\n" for data in messages(count + 1, 1)))
    print("ready", flush=True)
    sys.stdin.readline()
    (place / "made").rename(place / "press.log")


if __name__ == "__main__":
    main()
