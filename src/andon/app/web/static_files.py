"""The page's own files: styles, scripts, icons. Few and small, so they are read once and kept, compressed too."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response

#: Where files have the hash of their content in their address a browser need never ask again.
_FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}
#: Licences lie beside the files they are for, and are shown as the texts they are.
_TEXT = "text/plain"
#: Files that lie with what they belong to, by their names here.
_ELSEWHERE = {"report.css": "andon.insight.report"}


class StaticFile(NamedTuple):
    """A file as it is served; ``tag`` is the beginning of its SHA-256."""

    body: bytes
    media_type: str
    tag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """All of them by their path below ``static/``."""
    found = dict(_read(resources.files("andon.app.web") / "static", ""))
    return found | {name: _file(name, resources.files(package) / name) for name, package in _ELSEWHERE.items()}


def _read(folder: Traversable, before: str) -> Iterator[tuple[str, StaticFile]]:
    for entry in folder.iterdir():
        name = f"{before}{entry.name}"
        if entry.is_dir():
            yield from _read(entry, f"{name}/")
        elif not entry.name.startswith("."):
            yield name, _file(name, entry)


def _file(name: str, entry: Traversable) -> StaticFile:
    body = entry.read_bytes()
    kind = _TYPES.get(name[name.rfind(".") :]) or mimetypes.guess_type(name)[0] or _TEXT
    return StaticFile(body, kind, hashlib.sha256(body).hexdigest()[:8])


@cache
def packed(name: str) -> bytes:
    """A file compressed; those that nobody asks for never are. Raises KeyError where there is none of this name."""
    return gzip.compress(static_files()[name].body, 9, mtime=0)


def address(name: str) -> str:
    """The address of a file, relative to the site's root. Raises KeyError where there is none of this name."""
    return f"static/{name}?{static_files()[name].tag}"


def add_static_files(router: APIRouter) -> None:
    """Serve them."""

    @router.get("/static/{name:path}", include_in_schema=False)
    async def static(name: str, request: Request) -> Response:
        found = static_files().get(name)
        if found is None:
            raise HTTPException(404, f"there is no file {name[:100]!r} here")
        headers = {"ETag": f'"{found.tag}"', "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        if request.url.query == found.tag:
            headers["Cache-Control"] = _FOR_EVER
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = await asyncio.to_thread(packed, name)
            return Response(body, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(found.body, media_type=found.media_type, headers=headers)
