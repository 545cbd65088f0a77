"""uvicorn's server without its command line, which would bring click and what starts processes anew: 40 modules, and a
fiftieth of an idle service's memory."""

from __future__ import annotations

import sys
from types import ModuleType

if "uvicorn" not in sys.modules:
    _nothing = ModuleType("uvicorn.main")  # in its place while the package is imported
    _nothing.__dict__.update(dict.fromkeys(("Server", "main", "run")))
    sys.modules["uvicorn.main"] = _nothing
    try:
        import uvicorn
    finally:
        del sys.modules["uvicorn.main"]
    from uvicorn.server import Server as _Server

    uvicorn.Server = _Server  # type: ignore[misc]  # for whoever else uses the package in this process
    del uvicorn.main, uvicorn.run

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import Server, ServerState

__all__ = ["Config", "H11Protocol", "RequestResponseCycle", "Server", "ServerState"]
