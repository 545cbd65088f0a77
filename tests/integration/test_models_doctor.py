"""What ``andon doctor`` and ``andon models`` say of a model file, and of the context of Ollama's models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.commands import Commands
from support.gguf import random_model, random_projector
from support.ollama_native import NativeOllama

MODEL = "deepseek-r1:1.5b"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights."""
    return random_model(tmp_path_factory.mktemp("models") / "plant.gguf")


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], model: Path) -> Commands:
    """The command line, configured for the file."""
    return Commands(tmp_path / "data", capsys, PROVIDER="EMBEDDED", MODEL="", ANDON_GGUF=str(model), NATS_URL="")


def checked(commands: Commands, name: str) -> dict[str, Any]:
    """The line of doctor's report that is called ``name``."""
    lines: list[dict[str, Any]] = commands("doctor", "--json").json
    return next(line for line in lines if line["name"] == name)


def test_doctor_loads_the_file(commands: Commands, model: Path) -> None:
    """It says what was loaded and what that takes."""
    line = checked(commands, "model")
    assert line["ok"] is True
    assert line["detail"].startswith(f"EMBEDDED loads {model} in ")
    assert "context 8,192 tokens" in line["detail"]


def test_doctor_loads_the_projector_too(commands: Commands, tmp_path: Path) -> None:
    """A model with eyes is said to see."""
    commands.settings["ANDON_MMPROJ"] = str(random_projector(tmp_path / "eye.gguf"))
    assert "sees pictures" in checked(commands, "model")["detail"]


def test_doctor_fails_for_a_file_that_does_not_load(commands: Commands, tmp_path: Path) -> None:
    """Exit status 1, and the sentence that names the setting."""
    commands.settings["ANDON_GGUF"] = str(tmp_path / "no.gguf")
    line = checked(commands, "model")
    assert line["ok"] is False
    assert line["detail"].startswith("ANDON_GGUF is ")
    assert commands("doctor").status == 1


def test_doctor_notes_a_context_that_is_too_small(commands: Commands) -> None:
    """Question and answer must fit together."""
    commands.settings.update(ANDON_GGUF_CONTEXT="1024")
    line = checked(commands, "model")
    assert line["ok"] is None
    assert line["remedy"].startswith("raise ANDON_GGUF_CONTEXT to ")


def test_doctor_notes_a_model_that_takes_no_more(commands: Commands) -> None:
    """Raising the context beyond what the model was trained for would not help."""
    commands.settings.update(ANDON_GGUF_CONTEXT="20000", ANDON_MODEL_PROMPT_TOKENS="16000")
    line = checked(commands, "model")
    assert line["ok"] is None
    assert line["remedy"].startswith("lower ANDON_MODEL_PROMPT_TOKENS")


def test_models_lists_the_file(commands: Commands, model: Path) -> None:
    """Its name is what answers are labelled with."""
    (listed,) = commands("models", "--json").json
    assert listed == {"kind": "model", "name": "plant", "path": str(model), "size": model.stat().st_size}


def test_models_show_loads_the_file(commands: Commands) -> None:
    """What it is, as the engine found it."""
    shown = commands("models", "show", "--json").json
    assert (shown["name"], shown["context"], shown["sees_pictures"]) == ("plant", 8192, False)
    assert shown["parameters"] > 10_000


def test_models_pull_is_not_for_files(commands: Commands) -> None:
    """One sentence says where the file goes."""
    outcome = commands("models", "pull")
    assert outcome.status == 1
    assert "its model is the file that ANDON_GGUF names" in outcome.err


def test_doctor_warns_of_a_small_context_of_ollama(commands: Commands) -> None:
    """Ollama's default drops the beginning of long questions; the remedy names its setting."""
    with NativeOllama(MODEL, loaded={MODEL: 2048}) as ollama:
        commands.settings.update(PROVIDER="OLLAMA", OLLAMA_HOST=ollama.url)
        line = checked(commands, "context")
    assert line["ok"] is None
    assert "works with 2,048 tokens (as it is loaded now)" in line["detail"]
    assert "OLLAMA_CONTEXT_LENGTH=" in line["remedy"]


def test_doctor_is_content_with_a_large_context_of_ollama(commands: Commands) -> None:
    """Nothing to do where all fits."""
    with NativeOllama(MODEL, loaded={MODEL: 16_384}) as ollama:
        commands.settings.update(PROVIDER="OLLAMA", OLLAMA_HOST=ollama.url)
        line = checked(commands, "context")
    assert (line["ok"], line["remedy"]) == (True, "")


def test_doctor_warns_of_a_template_that_drops_the_system_message(commands: Commands) -> None:
    """Ollama gives a bare GGUF file one that shows the model the prompt alone."""
    with NativeOllama(MODEL) as ollama:
        ollama.template = "{{ .Prompt }}"
        commands.settings.update(PROVIDER="OLLAMA", OLLAMA_HOST=ollama.url)
        line = checked(commands, "template")
    assert line["ok"] is None
    assert "drops the system message" in line["detail"]
    assert "TEMPLATE" in line["remedy"]


def test_doctor_says_nothing_of_the_context_of_a_missing_model(commands: Commands) -> None:
    """That the model is missing is said once, with what helps."""
    with NativeOllama("llama3.2:3b") as ollama:
        commands.settings.update(PROVIDER="OLLAMA", OLLAMA_HOST=ollama.url)
        names = [line["name"] for line in commands("doctor", "--json").json]
        missing = checked(commands, "model")
    assert "context" not in names
    assert missing["ok"] is False
