"""What the HTTP server's library tells when it stops, as far as it is an error."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from andon.app.http_server import HttpServer


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Never asked."""


def test_that_nothing_was_cut_off_is_no_error_and_that_something_was_is(caplog: pytest.LogCaptureFixture) -> None:
    HttpServer(application, "127.0.0.1", 0)
    logger = logging.getLogger("uvicorn.error")
    for count in (0, 2):
        logger.error("Cancel %s running task(s), timeout graceful shutdown exceeded", count)
    assert [record.args for record in caplog.records] == [(2,)]
