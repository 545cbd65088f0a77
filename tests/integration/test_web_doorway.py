"""What answers before pages and API are made, and how these are made: once, off the loop, and again after a failure."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from andon.app.web.access import Access
from andon.app.web.app import build_app
from andon.app.web.doorway import Doorway, Vitals
from andon.app.web.guard import HostNames
from andon.app.web.head import HeadAsGet
from andon.core.telemetry import Health, Metrics
from support.patience import PATIENCE


async def _nothing() -> None:
    return


class Site:
    """A doorway, and what stands behind it once it is made."""

    def __init__(self, token: str = "", prefix: str = "") -> None:
        self.health, self.made, self.fail = Health(), 0, False
        self.threads: set[int] = set()
        self.go = threading.Event()
        self.go.set()
        metrics, hosts = Metrics(), HostNames("127.0.0.1")

        def make() -> Any:
            assert self.go.wait(PATIENCE)
            self.made += 1
            self.threads.add(threading.get_ident())
            if self.fail:
                raise ImportError("a library is broken")
            return build_app(self.health, metrics, _nothing, token, hosts=hosts, prefix=prefix)

        vitals = Vitals(self.health, metrics, _nothing, _nothing)
        self.app = Doorway(vitals, Access(token), make, hosts=hosts, prefix=prefix)
        self.behind = make

    async def ask(
        self, path: str, method: str = "GET", app: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a request; of the application behind where that is given."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        given = {"host": "127.0.0.1", **headers}
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "scheme": "http", "http_version": "1.1",
        }  # fmt: skip
        await (app or self.app)(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], told, b"".join(one.get("body", b"") for one in sent[1:])


@pytest.mark.parametrize("prefix", ["", "/andon"])
@pytest.mark.parametrize("token", ["", "hush"])
def test_it_answers_as_what_stands_behind_it_would(token: str, prefix: str) -> None:
    """Status, headers and body are the same, for those who may ask and those who may not, and nothing is made."""

    async def main() -> None:
        site = Site(token, prefix)
        behind = site.behind()
        site.made = 0
        for problem in ("the disk is full", None):
            site.health.report("service", problem)
            for path in ("/healthz", "/readyz", "/metrics"):
                for headers in (
                    {},
                    {"authorization": "Bearer hush"},
                    {"host": "evil.example"},
                    {"accept-encoding": "gzip"},
                ):
                    for before in {"", prefix}:
                        asked = await site.ask(before + path, **headers)
                        other = await site.ask(before + path, app=behind, **headers)
                        assert asked[:2] == other[:2]
                        if path != "/metrics":
                            assert asked[2] == other[2]
        assert not site.made

    asyncio.run(main())


def test_what_stands_behind_is_made_once_and_off_the_loop() -> None:
    """Two who ask at once wait for the same; who asks whether we are ready does not wait."""

    async def main() -> None:
        site = Site()
        site.go.clear()
        asking = [asyncio.create_task(site.ask(path)) for path in ("/nowhere", "/elsewhere")]
        async with asyncio.timeout(PATIENCE):
            assert (await site.ask("/healthz"))[0] == 200
        assert not any(one.done() for one in asking)
        asking[0].cancel()  # who leaves takes nothing from the other
        site.go.set()
        assert (await asking[1])[0] == 404
        assert (await site.ask("/readyz", "POST"))[0] == 405  # as behind it
        assert site.made == 1
        assert threading.get_ident() not in site.threads
        await site.app.close()

    asyncio.run(main())


def test_what_cannot_be_made_is_tried_again() -> None:
    """The failure is told to whoever asked, and whoever asks next is served."""

    async def main() -> None:
        site = Site()
        site.fail = True
        with pytest.raises(ImportError, match="broken"):
            await site.ask("/nowhere")
        site.fail = False
        assert (await site.ask("/nowhere"))[0] == 404
        assert site.made == 2

    asyncio.run(main())


def test_only_a_look_at_a_page_is_one() -> None:
    """What programs ask for does not warm up pages."""

    async def main() -> None:
        site = Site()
        await site.ask("/readyz")
        await site.ask("/api/nothing")
        assert not site.app.looked_at.is_set()
        await site.ask("/")
        assert site.app.looked_at.is_set()

    asyncio.run(main())


def test_a_head_request_gets_all_but_the_body() -> None:
    """Here and behind: the status and headers of a GET, and nothing else."""

    async def main() -> None:
        site = Site()
        for path in ("/healthz", "/readyz", "/metrics", "/nowhere"):
            status, headers, body = await site.ask(path)
            asked = await site.ask(path, "HEAD")
            assert (asked[0], asked[1].keys(), asked[2]) == (status, headers.keys(), b"")
            assert body
        await site.app.close()

    asyncio.run(main())


def test_a_head_request_for_a_stream_ends_with_its_headers() -> None:
    """What would go on for ever is left at once, and its generator is told."""
    left = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        assert scope["method"] == "GET"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        try:
            while True:
                await send({"type": "http.response.body", "body": b": beat\n\n", "more_body": True})
        finally:
            left.set()

    async def main() -> None:
        answer = await Site().ask("/live/now", "HEAD", HeadAsGet(endless))
        assert answer == (200, {"content-type": "text/event-stream"}, b"")
        assert left.is_set()

    asyncio.run(main())
