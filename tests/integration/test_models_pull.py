"""Ollama's native API, as ``andon models`` uses it, against a stand-in over real HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.core.errors import ModelMisconfigured, ModelUnavailable
from andon.explain.providers import ollama_models
from andon.explain.providers.ollama_models import OllamaAdmin, OllamaDetails, PullStep, context_remedy
from support.commands import Commands
from support.environment import plain_environment
from support.ollama_native import LAST, MANIFEST, NativeOllama, Pull, layer
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import until

MODEL = "deepseek-r1:1.5b"
WHOLE = [MANIFEST, layer(None), layer(400), layer(1000), *LAST]


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeOllama]:
    """A running stand-in; pauses between attempts are short."""
    monkeypatch.setattr(ollama_models, "FIRST_PAUSE", 0.001)
    with NativeOllama("llama3.2:3b", MODEL) as server:
        yield server


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], ollama: NativeOllama) -> Commands:
    """The command line, configured for the stand-in."""
    return Commands(tmp_path / "data", capsys, PROVIDER="OLLAMA", OLLAMA_HOST=ollama.url, MODEL="")


def pull(url: str, name: str = MODEL) -> list[PullStep]:
    """All steps of a download."""

    async def main() -> list[PullStep]:
        async with OllamaAdmin(host=url) as admin:
            return [step async for step in admin.pull(name)]

    return asyncio.run(main())


def show(url: str, name: str = MODEL) -> OllamaDetails:
    """What is known of a model."""

    async def main() -> OllamaDetails:
        async with OllamaAdmin(host=url) as admin:
            return await admin.show(name)

    return asyncio.run(main())


def test_a_download_is_told_step_by_step(ollama: NativeOllama) -> None:
    """Every report arrives in its order, with the bytes it names."""
    ollama.script(Pull(WHOLE))
    steps = pull(ollama.url)
    assert [step.status for step in steps] == [str(step["status"]) for step in WHOLE]
    assert (steps[2].completed, steps[2].total) == (400, 1000)


def test_a_broken_connection_is_taken_up_again(ollama: NativeOllama) -> None:
    """The same download is asked for once more, and goes on to its end."""
    ollama.script(Pull([MANIFEST, layer(400)], then="drop"), Pull([MANIFEST, layer(700), layer(1000), *LAST]))
    assert pull(ollama.url)[-1].status == "success"
    assert ollama.pulls == [MODEL, MODEL]


def test_an_answer_that_ends_early_is_no_success(ollama: NativeOllama) -> None:
    """An orderly end without the word success counts as broken off."""
    ollama.script(Pull([MANIFEST, layer(400)]), Pull(WHOLE))
    assert pull(ollama.url)[-1].status == "success"


def test_a_passing_error_in_the_stream_is_taken_up_again(ollama: NativeOllama) -> None:
    """Ollama gives up on its own way to the registry with status 200 and an error: it has kept what came."""
    ollama.script(Pull([MANIFEST, layer(400), {"error": "max retries exceeded: unexpected EOF"}]), Pull(WHOLE))
    assert pull(ollama.url)[-1].status == "success"


def test_progress_earns_further_attempts(ollama: NativeOllama) -> None:
    """A line that breaks again and again gets the model all the same, as long as bytes come."""
    breaks = [Pull([MANIFEST, layer(done)], then="drop") for done in range(100, 900, 100)]
    ollama.script(*breaks, Pull(WHOLE))
    assert pull(ollama.url)[-1].status == "success"


def test_without_progress_it_gives_up(ollama: NativeOllama) -> None:
    """After a few attempts in vain the user is told how to go on."""
    ollama.script(*[Pull([MANIFEST, layer(400)], then="drop")] * 20)
    with pytest.raises(
        ModelUnavailable, match=r"andon models pull deepseek-r1:1\.5b` again, it goes on where it stopped"
    ):
        pull(ollama.url)
    assert len(ollama.pulls) == ollama_models.ATTEMPTS


def test_without_a_network_it_promises_nothing(ollama: NativeOllama) -> None:
    """Ollama cannot reach the registry: nothing has come, so there is nothing to go on with."""
    unknown = {"error": "pull model manifest: dial tcp: lookup registry.ollama.ai: no such host"}
    ollama.script(*[Pull([{"status": "pulling manifest"}, unknown])] * 20)
    with pytest.raises(ModelUnavailable, match=r"nothing of it has come .*reaches the internet") as raised:
        pull(ollama.url)
    assert "goes on" not in str(raised.value)


def test_a_model_that_does_not_exist(ollama: NativeOllama) -> None:
    """The registry's answer comes with status 200; one sentence, no second attempt."""
    ollama.script(Pull([MANIFEST, {"error": "pull model manifest: file does not exist"}]))
    with pytest.raises(ModelMisconfigured, match=r"There is no model nosuch to download .*ollama\.com/library"):
        pull(ollama.url, "nosuch")
    assert len(ollama.pulls) == 1


def test_a_full_disk_is_not_tried_again(ollama: NativeOllama) -> None:
    """What another attempt cannot change ends it, in Ollama's words."""
    ollama.script(Pull([MANIFEST, {"error": "write /root/.ollama/blobs/x: no space left on device"}]))
    with pytest.raises(ModelMisconfigured, match="no space left on device"):
        pull(ollama.url)
    assert len(ollama.pulls) == 1


@pytest.mark.parametrize("raw", [b"<html>hello</html>\n", b"[1, 2]\n"])
def test_something_else_at_the_address(ollama: NativeOllama, raw: bytes) -> None:
    """A server that is not Ollama is named as such."""
    ollama.script(Pull(raw=raw))
    with pytest.raises(ModelMisconfigured, match=r"not like Ollama .*OLLAMA_HOST"):
        pull(ollama.url)


def test_ollama_away_is_told_at_once() -> None:
    """Nobody listens: one attempt, and how to start it."""
    (port,) = free_ports(1)
    with pytest.raises(ModelUnavailable, match="ollama serve"):
        pull(f"127.0.0.1:{port}")


def test_show_tells_the_context_as_loaded(ollama: NativeOllama) -> None:
    """A model in memory works with what it was loaded with, whatever its parameters say."""
    ollama.loaded, ollama.parameters = {MODEL: 16_384}, "num_ctx    8192"
    assert (show(ollama.url).context, show(ollama.url).context_from) == (16_384, "as it is loaded now")


def test_show_tells_the_context_of_the_model(ollama: NativeOllama) -> None:
    """Not in memory: the model's own num_ctx, among its other parameters."""
    ollama.parameters = 'stop                           "<|end|>"\nnum_ctx                        8192\ntemperature 0.6'
    assert (show(ollama.url).context, show(ollama.url).context_from) == (8192, "num_ctx of the model")


def test_show_falls_back_to_ollamas_default(ollama: NativeOllama) -> None:
    """Nothing says otherwise: 4,096 tokens, whatever the model was trained for."""
    assert (show(ollama.url).context, show(ollama.url).trained_for) == (4096, 131_072)


def test_show_of_a_model_that_is_not_there(ollama: NativeOllama) -> None:
    """One sentence that says how to fetch it."""
    with pytest.raises(
        ModelMisconfigured, match="does not have the model nosuch: fetch it with `andon models pull nosuch`"
    ):
        show(ollama.url, "nosuch")


def test_the_remedy_for_a_small_context_names_both_ways(ollama: NativeOllama) -> None:
    """Question and answer must fit; the number is rounded up."""
    remedy = context_remedy(show(ollama.url), needed=4548)
    assert remedy is not None
    assert "OLLAMA_CONTEXT_LENGTH=5120" in remedy
    assert "num_ctx 5120" in remedy


def test_no_remedy_where_all_fits(ollama: NativeOllama) -> None:
    """4,096 tokens are enough for 4,096."""
    assert context_remedy(show(ollama.url), needed=4096) is None


def test_a_model_too_small_for_any_setting(ollama: NativeOllama) -> None:
    """Where the model itself cannot take more, raising the context would not help."""
    ollama.trained_for = 2048
    assert "cannot take more than 2,048 tokens" in str(context_remedy(show(ollama.url), needed=4548))


def test_models_lists_what_ollama_has(commands: Commands, ollama: NativeOllama) -> None:
    """Names, sizes, and which one is configured and in memory."""
    ollama.loaded = {MODEL: 4096}
    listed = {model["name"]: model for model in commands("models", "--json").json}
    assert listed[MODEL]["configured"]
    assert listed[MODEL]["loaded"]
    assert not listed["llama3.2:3b"]["configured"]
    assert "1.0 GiB" in commands("models", "list").out


def test_models_says_when_the_configured_one_is_missing(commands: Commands, ollama: NativeOllama) -> None:
    """The command to type stands there."""
    ollama.models = ["llama3.2:3b"]
    assert f"andon models pull {MODEL}" in commands("models").out


def test_pull_without_a_name_fetches_the_configured_model(commands: Commands, ollama: NativeOllama) -> None:
    """It ends with what Ollama has now."""
    ollama.script(Pull(WHOLE))
    outcome = commands("models", "pull")
    assert (outcome.status, outcome.out.strip()) == (0, f"Ollama has {MODEL}.")
    assert ollama.pulls == [MODEL]


def test_pull_without_a_terminal_tells_how_far_it_is(commands: Commands, ollama: NativeOllama) -> None:
    """A container's log shows each tenth."""
    ollama.script(Pull([MANIFEST, layer(400_000_000, 10**9), layer(10**9, 10**9), *LAST]))
    told = commands("models", "pull").err
    assert "fetching 40% of 953.7 MiB" in told
    assert "fetching 100% of" in told


def test_pull_as_json_is_a_line_for_each_step(commands: Commands, ollama: NativeOllama) -> None:
    """Programs read the steps as they come."""
    ollama.script(Pull(WHOLE))
    lines = [json.loads(line) for line in commands("models", "pull", "llama3.2", "--json").out.splitlines()]
    assert [line["status"] for line in lines] == [str(step["status"]) for step in WHOLE]


def test_pull_that_fails_is_one_sentence(commands: Commands, ollama: NativeOllama) -> None:
    """Exit status 1, nothing like a traceback."""
    ollama.script(Pull([{"error": "pull model manifest: file does not exist"}]))
    outcome = commands("models", "pull", "nosuch")
    assert outcome.status == 1
    assert outcome.err.splitlines()[-1].startswith("andon: There is no model nosuch")


@pytest.mark.parametrize("command", ["list", "show", "pull"])
def test_without_ollama_configured_the_commands_say_so(commands: Commands, command: str) -> None:
    """PLAYBOOK needs no model."""
    commands.settings["PROVIDER"] = "PLAYBOOK"
    outcome = commands("models", command)
    assert outcome.status == 1
    assert "PROVIDER is PLAYBOOK: it needs no model" in outcome.err


def test_ollama_as_a_fallback_counts(commands: Commands, ollama: NativeOllama) -> None:
    """The model named there is the one that is fetched."""
    commands.settings.update(PROVIDER="CLAUDE", ANDON_FALLBACK="OLLAMA:llama3.2:3b")
    ollama.script(Pull(WHOLE))
    assert commands("models", "pull").status == 0
    assert ollama.pulls == ["llama3.2:3b"]


def test_ctrl_c_ends_a_download_cleanly(ollama: NativeOllama, tmp_path: Path) -> None:
    """Exit status 130, no traceback, how to go on, and Ollama sees the client leave."""
    ollama.script(Pull([MANIFEST, layer(400)], then="hang"))
    process = subprocess.Popen(
        [sys.executable, "-m", "andon", "models", "pull", "--json"],
        env={
            **plain_environment(),
            "PROVIDER": "OLLAMA",
            "OLLAMA_HOST": ollama.url,
            "MODEL": "",
            "ANDON_DATA_DIR": str(tmp_path),  # no other service that runs on this machine is meant
            "PYTHONUNBUFFERED": "1",
        },
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert first, complaint.decode()
    stopped = f"Stopped. `andon models pull {MODEL}` goes on where it stopped."
    assert (process.returncode, complaint.decode().split()) == (130, stopped.split())
    until(ollama.left.is_set, "the end of the connection")
