"""The environment in which tests run Andon: the machine's, without what would change its answers."""

from __future__ import annotations

import os
import urllib.request

#: Names that Andon takes from the reference, and those with which a machine colours, folds or diverts what it runs.
_NOT_OURS = {
    *("PROVIDER", "MODEL", "API_KEY", "NATS_URL", "AGENT_NAME", "AGENT_INSTRUCTIONS", "DB_PATH", "OLLAMA_HOST"),
    *("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
}


def plain_environment() -> dict[str, str]:
    """What is left of ``os.environ``: no settings of Andon's, no keys of providers, no proxies, no colours."""
    return {name: value for name, value in os.environ.items() if not _changes_answers(name.upper())}


def _changes_answers(name: str) -> bool:
    return name in _NOT_OURS or name.startswith("ANDON_") or name.endswith("_API_KEY")


def without_proxy() -> urllib.request.OpenerDirector:
    """Opens addresses of this machine, whatever proxy it has for others."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
