"""A service that nobody looks at holds what it runs and no more: what was imported is counted, not timed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.service import Andon, log, ollama, running

#: Libraries, and parts of ours, that a started service has no use for before somebody asks for something.
NOT_YET = frozenset(
    (
        *("pydantic_ai", "openai", "anthropic", "google.genai", "httpx2", "mcp", "apprise", "aiosmtplib", "numpy"),
        *(
            "fastapi",
            "jinja2",
            "rich.console",
            "alembic",
            "psycopg",
            "pyarrow",
            "xllamacpp",
            "opentelemetry",
            "asyncua",
        ),
        *("cryptography", "argon2", "sqlalchemy.dialects.postgresql", "andon.explain.gate", "andon.explain.model"),
        *(
            "andon.insight.ask",
            "andon.app.web.page",
            "andon.app.web.api",
            "andon.app.telling",
            "andon.app.models_asked",
        ),
        *("andon.explain.trials.bank", "yaml", "andon.core.settings.connectors.jira_settings"),
    )
)
#: The same where a model is configured: nothing that asks it is there before it is asked.
NOT_YET_EITHER = NOT_YET - {"andon.explain.model", "andon.app.models_asked", "andon.explain.gate"}


def imported(andon: Andon) -> set[str]:
    """The modules that the process has imported, with the packages around them."""
    names = set(re.findall(r"^import time:.*\|\s+([\w.]+)$", andon.log(), re.MULTILINE))
    return names | {name[: at.start()] for name in names for at in re.finditer(r"\.", name)}


def test_a_start_imports_no_more_than_runs_until_somebody_looks(tmp_path: Path) -> None:
    """Without a model: no framework of pages, no client of models, no library of a connector. The first page, and the
    first question, bring what they need."""
    with running(tmp_path, fresh=True, PYTHONPROFILEIMPORTTIME="1") as andon:
        assert andon.get("/metrics")[0] == 200
        assert andon.get("/healthz")[0] == 200
        before = imported(andon)
        assert sorted(NOT_YET & before) == []
        assert "Andon" in andon.get("/")[1]
        assert {"fastapi", "jinja2", "andon.app.web.page"} <= imported(andon)  # so the list above can fail
        andon.publish(log("Drive F30004 overtemperature of the heat sink"))
        andon.until(lambda: andon.count(where="analysis IS NOT NULL"), "an answer")


def test_a_model_that_is_not_asked_costs_no_library(tmp_path: Path) -> None:
    """Configured and there; its first question brings the library."""
    with ollama(tmp_path) as model:
        settings = {"PROVIDER": "OLLAMA", "OLLAMA_HOST": model.url, "PYTHONPROFILEIMPORTTIME": "1"}
        with running(tmp_path, fresh=True, **settings) as andon:
            assert sorted(NOT_YET_EITHER & imported(andon)) == []
            andon.publish(log("Axis Y: something that no rule knows went astray"))
            andon.until(lambda: model.calls, "a question to the model")
            andon.until(lambda: "andon.explain.gate" in imported(andon), "the gate")


@pytest.mark.parametrize("path", ["/", "/api/patterns", "/openapi.json"])
def test_the_first_request_makes_pages_and_api(tmp_path: Path, path: str) -> None:
    """Whatever is asked first is answered, by a service that has only just started."""
    with running(tmp_path) as andon:
        assert andon.get(path)[0] == 200
