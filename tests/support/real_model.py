"""The real small model that tests ask: SmolLM2-135M-Instruct, as `make models` fetched it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

#: Answers take seconds, and the machine may be busy.
SECONDS = 240


def smollm2() -> Path:
    """The model's file; without it the test is left out, or fails where ``REAL_MODEL=required``."""
    place: Path = _tool().cached("smollm2")
    if not place.is_file():
        said = "the real model is not there: `make models` fetches it (98 MB)"
        if os.environ.get("REAL_MODEL") == "required":
            pytest.fail(said)
        pytest.skip(said)
    return place


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_models", Path(__file__).parents[2] / "tools" / "real_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
