"""The engine as a process: started, refused, killed, restarted, ended; the real llama.cpp over generated files."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from andon.core.errors import ConfigError, ModelMisconfigured, ModelUnavailable
from andon.explain.providers.llama_cpp import embedded as embedded_module
from andon.explain.providers.llama_cpp import engine as engine_module
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from andon.explain.providers.llama_cpp.engine import pause_after
from support.engines import alive, embedded, engine_of, eventually, stopped, with_engine
from support.gguf import aborting_model, random_model, random_projector
from support.patience import PATIENCE
from support.service import until
from support.settings import settings_of

STARTER = """
import asyncio, sys, threading
from andon.core.settings.settings import load_settings
from andon.explain.providers.backend import Access
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend

async def main():
    settings = load_settings(provider="EMBEDDED", gguf=sys.argv[1])
    backend = EmbeddedBackend(Access(settings, settings.configured))
    print((await backend.engine.running()).pid, flush=True)
    await asyncio.sleep(3600)

if sys.argv[2] == "thread":
    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
else:
    asyncio.run(main())
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights."""
    return random_model(tmp_path_factory.mktemp("models") / "plant.gguf")


def seen_of(pid: int) -> bytes:
    """What others on the box may see of a process: its arguments and its environment."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


def refused(gguf: Path, mmproj: Path | None = None) -> str:
    """The sentence with which the engine refuses files."""

    async def use(backend: EmbeddedBackend) -> str:
        with pytest.raises(ModelMisconfigured) as caught:
            await backend.check()
        return str(caught.value)

    return with_engine(gguf, use, mmproj=mmproj)


def test_it_listens_on_loopback_and_wants_its_key(model: Path) -> None:
    """A stranger on the same box gets 401, and finds the key neither among the processes nor in an environment."""

    async def use(backend: EmbeddedBackend) -> tuple[str, int, bytes]:
        now = await backend.engine.running()
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{now.url}/v1/chat/completions", json={"messages": []})
        told = seen_of(now.pid)
        assert now.key.encode() not in told
        assert now.key not in repr(now)
        return now.url, answer.status_code, told

    url, status, _ = with_engine(model, use)
    assert url.startswith("http://127.0.0.1:")
    assert status == 401


def test_secrets_of_our_environment_do_not_reach_it(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no provider's key."""
    monkeypatch.setenv("API_KEY", "sk-not-for-the-engine")

    async def use(backend: EmbeddedBackend) -> bytes:
        return seen_of((await backend.engine.running()).pid)

    assert b"sk-not-for-the-engine" not in with_engine(model, use)


def test_a_missing_file(tmp_path: Path) -> None:
    """One sentence names the setting and the file."""
    assert refused(tmp_path / "no.gguf").startswith(
        f"ANDON_GGUF is {tmp_path / 'no.gguf'}, which cannot be read (No such"
    )


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    """No process is started for it."""
    (tmp_path / "page.gguf").write_text("<html>404</html>")
    assert "which is not a GGUF file" in refused(tmp_path / "page.gguf")


def test_a_file_that_was_cut_off(model: Path, tmp_path: Path) -> None:
    """The engine's own reason is told."""
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(model.read_bytes()[:100_000])
    assert refused(cut).startswith(f"The engine cannot load {cut} (")


def test_a_file_over_which_the_engine_aborts(tmp_path: Path) -> None:
    """An assertion in native code ends the child process; we are told which."""
    assert "it crashed, signal SIGABRT" in refused(aborting_model(tmp_path / "bad.gguf"))


def test_a_projector_that_is_none(model: Path) -> None:
    """Both settings are named, since either may be wrong."""
    assert refused(model, mmproj=model).endswith("correct ANDON_GGUF or ANDON_MMPROJ.")


def test_a_projector_as_the_model(tmp_path: Path) -> None:
    """The engine says how such a file is meant."""
    assert "CLIP cannot be used as main model" in refused(random_projector(tmp_path / "eye.gguf"))


def test_no_file_configured() -> None:
    """Said when the service starts."""
    with pytest.raises(ConfigError, match="PROVIDER=EMBEDDED needs ANDON_GGUF"):
        engine_of(settings_of(provider="EMBEDDED"))


def test_a_load_that_takes_too_long(model: Path) -> None:
    """It is ended, and told with what helps."""

    async def use(backend: EmbeddedBackend) -> None:
        with pytest.raises(ModelUnavailable, match=r"was not loaded within 0\.0001 s"):
            await backend.engine.running()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "PATIENCE", 0.0)
        with_engine(model, use, model_deadline=0.0001, model_cold_deadline=0.0001)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_engine_is_started_again(model: Path, number: signal.Signals) -> None:
    """Another process, address and key; who asks meanwhile waits."""

    async def use(backend: EmbeddedBackend) -> tuple[bool, int]:
        first = await backend.engine.running()
        os.kill(first.pid, number)
        assert await backend.engine.lost(first)
        second = await backend.engine.running()
        await backend.check()
        return (first.pid, first.key) != (second.pid, second.key), backend.engine.restarts

    assert with_engine(model, use) == (True, 1)


def test_an_engine_that_hangs_is_ended_and_started_again(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lives and says nothing, twice in a row."""
    monkeypatch.setattr(embedded_module, "ANSWER_WITHIN", 0.5)

    async def use(backend: EmbeddedBackend) -> None:
        first = await backend.engine.running()
        os.kill(first.pid, signal.SIGSTOP)
        await eventually(lambda: stopped(first.pid), "an engine that stands still")
        for _ in range(embedded_module.SILENCES_MAX):
            with pytest.raises(ModelUnavailable, match=r"no answer within 0\.5 s"):
                await backend.check()
        assert await backend.engine.lost(first) == "it hung"
        assert (await backend.engine.running()).pid != first.pid
        monkeypatch.setattr(embedded_module, "ANSWER_WITHIN", PATIENCE)
        await backend.check()

    with_engine(model, use)


def test_a_check_after_a_crash_is_answered_by_the_next_engine(model: Path) -> None:
    """A request that finds nobody goes to the engine that is started in place of the dead one."""

    async def use(backend: EmbeddedBackend) -> int:
        os.kill((await backend.engine.running()).pid, signal.SIGKILL)
        await backend.check()
        return backend.engine.restarts

    assert with_engine(model, use) == 1


def test_pauses_between_restarts_grow_to_a_minute() -> None:
    """A crash loop must not take the processor from recording; a refused file is not looked at all the time."""
    crashed, refused_file = ModelUnavailable(""), ModelMisconfigured("")
    assert [pause_after(n, crashed) for n in (1, 2, 3, 8, 9, 1000)] == [0.25, 0.5, 1.0, 32.0, 60.0, 60.0]
    assert [pause_after(n, refused_file) for n in (1, 2, 5)] == [5.0, 10.0, 60.0]


def test_a_file_that_was_corrected_is_loaded(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to restart the service for it."""
    monkeypatch.setattr(engine_module, "REFUSED_PAUSE", 0.01)
    place = tmp_path / "plant.gguf"
    place.write_text("nothing yet")
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(model.read_bytes())

    async def use(backend: EmbeddedBackend) -> bool:
        with pytest.raises(ModelMisconfigured):
            await backend.check()
        os.replace(copy, place)

        async def runs() -> bool:
            return backend.engine.is_running

        return await eventually(runs, "the load of the corrected file")

    assert with_engine(place, use)


def test_closing_ends_the_process(model: Path) -> None:
    """Once and for all: a later question fails as unavailable, a second close does nothing."""

    async def main() -> int:
        async with embedded(model) as backend:
            pid = (await backend.engine.running()).pid
        with pytest.raises(ModelUnavailable, match="closed"):
            await backend.engine.running()
        await backend.close()
        return pid

    assert not alive(asyncio.run(main()))


def test_a_stop_of_the_whole_group_is_no_crash(model: Path) -> None:
    """A service manager signals every process of the service: the engine stays until the service ends it."""

    async def use(backend: EmbeddedBackend) -> int:
        now = await backend.engine.running()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(now.pid, number)
        await backend.check()
        return backend.engine.restarts

    assert with_engine(model, use) == 0


def test_closing_while_it_loads_leaves_nothing(model: Path) -> None:
    """Whoever waits for the start is told."""

    async def main() -> list[BaseException | object]:
        async with embedded(model) as backend:
            waiting = asyncio.create_task(backend.engine.running())
            await asyncio.sleep(0)
            await backend.close()
            return list(await asyncio.gather(waiting, return_exceptions=True))

    (outcome,) = asyncio.run(main())
    assert isinstance(outcome, ModelUnavailable)


def test_a_question_given_up_does_not_stop_the_start(model: Path) -> None:
    """Two wait for the engine, one leaves: the other gets it."""

    async def use(backend: EmbeddedBackend) -> int:
        leaving, staying = (asyncio.create_task(backend.engine.running()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        return (await staying).pid

    assert with_engine(model, use) > 0


@pytest.mark.parametrize("where", ["main", "thread"])
def test_it_dies_with_the_process_that_started_it(model: Path, where: str) -> None:
    """Kill -9 of the parent leaves no engine behind, whichever thread ran the loop."""
    parent = subprocess.Popen([sys.executable, "-c", STARTER, str(model), where], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        pid = int(next(line for line in parent.stdout if line.strip().isdigit()))  # past the log
        assert alive(pid)
    finally:
        parent.kill()
        parent.communicate()
    until(lambda: not alive(pid), "the engine's end")
