"""The figures of the layout, on small trees made up for them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "figures.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures_of_the_layout", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


figures = _script()


def a_tree(place: Path, **files: str) -> Path:
    """A package with these files, named with ``__`` for ``/``; every directory gets an ``__init__``."""
    root = place / "andon"
    for name, text in {"init": "", **files}.items():
        path = root / ("__init__.py" if name == "init" else f"{name.replace('__', '/')}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        if not (path.parent / "__init__.py").exists():
            (path.parent / "__init__.py").write_text("")
    return root


def measured(measure: str, place: Path, **files: str) -> tuple[int, list[str]]:
    row = getattr(figures, measure)(figures.Tree(a_tree(place, **files)))
    return row.value, row.counted


def test_places_are_packages_and_modules(tmp_path: Path) -> None:
    assert measured("places", tmp_path, core__times="", app__cli__run="", testing="") == (3, ["app", "core", "testing"])


def test_a_circle_is_one_wherever_the_imports_stand(tmp_path: Path) -> None:
    files = {
        "one": "import andon.two",
        "two": "def f():\n    from andon import three",
        "three": "from andon.one import x\nfrom andon import four",
        "four": "from andon.core import five",
        "core__five": "from . import six",
        "core__six": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..core.five import x",
    }
    circles = ["andon.core.five <-> andon.core.six", "andon.one <-> andon.three <-> andon.two"]
    assert measured("circles", tmp_path, **files) == (2, circles)


def test_arrows_point_downwards_and_not_at_neighbours(tmp_path: Path) -> None:
    files = {
        "app__service": "from andon.store import rows\nfrom andon.testing import double",
        "testing": "import andon.explain.model",
        "store__rows": "from andon.core import times\nfrom andon.store import schema",
        "store__schema": "def f():\n    from andon.grouping import mask",
        "core__times": "from ..insight import report",
        "explain__model": "",
        "grouping__mask": "import andon.places",
        "insight__report": "",
        "places": "",
    }
    count, found = measured("against", tmp_path, **files)
    assert count == 2
    assert found == [
        "core/times.py:1 imports andon.insight.report",
        "store/schema.py:2 imports andon.grouping.mask",
        "(on no floor, not measured: places)",
    ]


PROTOCOLS = """
    class Bus(Protocol):
        name: str
        def send(self, text: str) -> None:
            '''Send it.'''
        def close(self) -> None: ...
    class Read(Protocol):
        def __call__(self, ask: str, deadline: float) -> int: ...
    class Alone(Protocol):
        def lonely(self) -> None:
            '''Be alone.'''
"""
CLASSES = """
    class Base:
        def close(self) -> None: ...
    class Nats(Base):
        def __init__(self) -> None:
            self.name = "nats"
        def send(self, text: str) -> None:
            '''Send it to NATS.'''
    class Memory(Base):
        name = "memory"
        def send(self, text: str) -> None:
            '''Send it.'''
    class Nameless(Base):
        def send(self, text: str) -> None:
            '''Whatever.'''
    class Hermit:
        def lonely(self) -> None:
            '''Be alone.'''
    class Store:
        def _read(self, ask: str, deadline: float) -> int: ...
    def read(ask: str, deadline: float) -> int: ...
"""


def test_protocols_with_one_side(tmp_path: Path) -> None:
    assert measured("one_sided", tmp_path, ports=PROTOCOLS, sides=CLASSES) == (1, ["ports.py:Alone: Hermit"])


def test_a_method_told_in_other_words(tmp_path: Path) -> None:
    assert measured("told_twice", tmp_path, ports=PROTOCOLS, sides=CLASSES) == (1, ["ports.py:Bus.send: Nats"])


def test_a_setting_is_followed_under_other_names(tmp_path: Path) -> None:
    files = {
        "settings": "class Settings:\n    gguf_threads: int = 1",
        "wiring": "def made(settings):\n    return Spec(threads=settings.gguf_threads)",
        "engine": "class Spec:\n    threads: int\ndef unrelated(texts): ...",
        "child": "def start(spec, params):\n    threads = spec['threads']\n    params.n_threads = threads",
    }
    files["mapping"] = "def told(settings):\n    return {'n_threads': settings.gguf_threads}"
    files["reader"] = "def parameters(told):\n    return told['n_threads']"
    count, found = measured("stations", tmp_path, **files)
    assert count == 6
    assert found[:-1] == [
        "child.py:start",
        "engine.py:Spec",
        "mapping.py:told",
        "reader.py:parameters",
        "settings.py:Settings",
        "wiring.py:made",
    ]


def test_places_that_name_a_provider_outside_its_own_file(tmp_path: Path) -> None:
    files = {
        "gemini": "class GeminiBackend: ...\nX = 'GEMINI'",
        "registry": "'''Gemini is here.'''\nPROVIDERS = ('OLLAMA', 'GEMINI')\ndef build():\n    from andon.gemini import GeminiBackend",
        "other": "def f():\n    '''Not as Gemini does.'''",
    }
    assert measured("provider_places", tmp_path, **files) == (2, ["registry.py:2 PROVIDERS", "registry.py:3 build"])


def test_files_with_two_languages(tmp_path: Path) -> None:
    files = {
        "raw": "from sqlalchemy import Connection\nQ = 'SELECT 1'",
        "core": "from sqlalchemy import select\ndef f():\n    '''DELETE FROM logs'''\n    return 'Update the file'",
        "mixed": "from sqlalchemy import select\ndef f(limit):\n    return f'UPDATE logs SET a = {limit}'",
        "tables": "from sqlalchemy import Connection\ndef f(logs):\n    logs.insert()\n    run('WITH a AS (SELECT 1)')",
        "fragments": "from sqlalchemy import select, text",
        "store__migrations__v1": "from sqlalchemy import select\nQ = 'SELECT 1'",
    }
    assert measured("mixed_sql", tmp_path, **files) == (3, ["fragments.py", "mixed.py", "tables.py"])


def test_names_that_occur_twice(tmp_path: Path) -> None:
    files = dict.fromkeys(
        ("store__alarms", "app__cli__alarms", "app__web__alarms", "store__lock", "bus__lock", "app__cli__a__run", "app__cli__run"), ""
    )  # fmt: skip
    assert measured("same_names", tmp_path, **files) == (2, ["lock.py: bus, store", "run.py: app/cli, app/cli/a"])


def test_lines_lengths_and_hidden_imports(tmp_path: Path) -> None:
    root = a_tree(tmp_path, one="import a\n@b\ndef f():\n    import c\n    def g():\n        pass\n")
    tree = figures.Tree(root)
    assert figures.lines(tree).value == 6
    assert [row.value for row in figures.lengths(tree)] == [3, 4]
    assert figures.lengths(tree)[1].counted == ["4 one.py:3 f", "2 one.py:5 g"]
    assert figures.hidden_imports(tree).value == 1


def test_the_table_and_its_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(a_tree(tmp_path, core__times="def now(): ..."))
    assert figures.main(["--root", root, "--check"]) == 0
    assert "lines of src (Python)" in capsys.readouterr().out
    (tmp_path / "andon" / "core" / "times.py").write_text("import andon.core.models\n" + "\n" * 40_000)
    (tmp_path / "andon" / "core" / "models.py").write_text("import andon.core.times\n")
    assert figures.main(["--root", root, "--json"]) == 0
    told = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert told["import circles between files"]["missed"]
    assert figures.main(["--root", root, "--check"]) == 1
