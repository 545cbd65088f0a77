"""A small reverse proxy over real sockets: passes requests below a path on, and the answers back as they come."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.patience import PATIENCE

#: What concerns one connection only.
_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade"}


@contextmanager
def proxy(port: int, prefix: str, *, cuts: bool, host: str = "") -> Iterator[int]:
    """Pass what is asked for below ``prefix`` on to ``port``; yields the proxy's port.

    ``cuts``: it takes the prefix off. ``host``: what it puts in the place of the Host header, and then tells the one
    that it was asked for.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # an answer ends with its connection

        def _pass_on(self) -> None:
            if self.path != prefix and not self.path.startswith(prefix + "/"):
                self.send_error(404, "not below the prefix")
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            sent |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": "http"}
            if host:
                sent |= {"Host": host, "X-Forwarded-Host": self.headers["Host"]}
            path = (self.path.removeprefix(prefix) if cuts else self.path) or "/"
            behind = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            try:
                behind.request(self.command, path, body or None, sent)
                self._answer(behind.getresponse())
            except OSError:
                return  # one of the two went away
            finally:
                behind.close()

        def _answer(self, response: http.client.HTTPResponse) -> None:
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.end_headers()
            while part := response.read1(65_536):
                self.wfile.write(part)
                self.wfile.flush()

        do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 - the names that it is asked for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
