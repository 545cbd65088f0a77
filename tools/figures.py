"""Measure how the code is laid out, beside the goals: ``make figures``; ``--json`` for machines, ``--check`` for CI.

Everything is read from the working tree's ``src/andon``, nothing is imported or run. How each figure is counted stands
at the function that counts it; ``--details`` lists what was counted, so that a person can judge it.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = "andon"
#: Who may import whom: a floor imports those below it; what stands beside it on the floor is a stranger to it.
#: ``testing`` has doubles of what explains: only the roof may import it.
#: ``__main__`` stands on the roof, ``__init__`` below all.
FLOORS = (("__main__",), ("app",), ("testing",), ("insight",), ("explain",), ("act", "ingest"))
FLOORS += (("store", "grouping", "bus"), ("core",), ("__init__",))
#: Those that may repeat the name of the subject they show, as they are called now and were before.
SHOWING = (("app", "cli"), ("app", "web"), ("cli",), ("web",))
#: The setting that is followed to where it is used, and the provider whose name is looked for.
SETTING, PROVIDER = "gguf_threads", "gemini"
#: What Core is imported for where it says statements. ``text`` and ``func`` serve raw SQL and schemas too.
STATEMENTS = {"select", "insert", "update", "delete", "union", "union_all", "exists"}
_RAW = re.compile(
    r"\s*(SELECT\s|INSERT (OR \w+ )?INTO\s|UPDATE \S+ SET\s|DELETE FROM\s|WITH (RECURSIVE )?\S+ (AS|\()"
    r"|(CREATE|DROP|ALTER) (UNIQUE |VIRTUAL |OR REPLACE )?(TABLE|INDEX|VIEW|TRIGGER)\s)"
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Row:
    """One figure: how many there are, the most that is wanted (None where it is only shown), and which they are."""

    name: str
    value: int
    goal: int | None
    counted: list[str] = field(default_factory=list)

    @property
    def missed(self) -> bool:
        """Whether it is beyond its goal."""
        return self.goal is not None and self.value > self.goal


@dataclass
class File:
    """One module of the package: its path below it, its dotted name, and its syntax tree."""

    path: Path
    module: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def docstrings(self) -> set[int]:
        """The identities of the nodes that are docstrings."""
        holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        bodies = [node.body for node in ast.walk(self.tree) if isinstance(node, holders) and node.body]
        return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}

    @property
    def place(self) -> str:
        """The package or module directly below the root that it belongs to."""
        return self.path.parts[0].removesuffix(".py")


class Tree:
    """All modules below ``root``, the directory of the package."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, File] = {}
        for path in sorted(root.rglob("*.py")):
            below = path.relative_to(root)
            parts = (PACKAGE, *below.with_suffix("").parts)
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            self.files[module] = File(below, module, path.read_text(encoding="utf-8"))

    @property
    def outside_migrations(self) -> Iterator[File]:
        """All but what a schema was at some time, which is left as it is."""
        return (file for file in self.files.values() if "migrations" not in file.path.parts)

    def imports(self, file: File, nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
        """Modules of the package that import statements among ``nodes`` name, each with its line.

        ``from andon.store import queue`` names the module ``andon.store.queue`` where there is one, else the package:
        that a package is run before what is in it is no arrow.
        """
        for node in nodes:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = _base(file, node)
                names = [f"{base}.{a.name}" if f"{base}.{a.name}" in self.files else base for a in node.names]
            else:
                continue
            yield from ((name, node.lineno) for name in names if name in self.files and name != file.module)


def _base(file: File, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = file.module.split(".")
    kept = parts[: len(parts) - node.level + (file.path.name == "__init__.py")]
    return ".".join([*kept, *([node.module] if node.module else [])])


def places(tree: Tree) -> Row:
    """Packages and modules directly in the package; ``__init__``, ``__main__`` and ``py.typed`` are no subject's."""
    found = sorted({file.place for file in tree.files.values()} - {"__init__", "__main__"})
    return Row("top-level places in src/andon", len(found), 10, found)


def circles(tree: Tree) -> Row:
    """Groups of files that import each other, wherever the imports stand: one in a function hides a circle."""
    arrows = {
        module: {name for name, _ in tree.imports(file, ast.walk(file.tree))} for module, file in tree.files.items()
    }
    found = [" <-> ".join(sorted(group)) for group in _components(arrows) if len(group) > 1]
    return Row("import circles between files", len(found), 0, sorted(found))


def _components(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components: what each reaches, and is reached from."""
    reached = {start: _reachable(arrows, start) for start in arrows}
    groups, seen = [], set()
    for start in arrows:
        if start not in seen:
            group = {start} | {other for other in reached[start] if start in reached[other]}
            seen |= group
            groups.append(group)
    return groups


def _reachable(arrows: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in arrows[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


def against(tree: Tree) -> Row:
    """Imports that point up, or at a neighbour on the same floor; those in functions and for types count too.

    A place that is on no floor is measured by none of its imports; the details name it.
    """
    floor = {place: number for number, names in enumerate(FLOORS) for place in names}
    found, homeless = [], set()
    for file in tree.files.values():
        for name, line in tree.imports(file, ast.walk(file.tree)):
            target = tree.files[name].place
            if file.place not in floor or target not in floor:
                homeless |= {file.place, target} - floor.keys()
            elif target != file.place and floor[target] <= floor[file.place]:
                found.append(f"{file.path}:{line} imports {name}")
    nowhere = [f"(on no floor, not measured: {', '.join(sorted(homeless))})"] if homeless else []
    return Row("arrows against the order", len(found), 0, sorted(found) + nowhere)


@dataclass
class Kind:
    """A class: where it is, the names of its bases, its own functions, and everything that it has or sets on itself."""

    name: str
    file: File
    bases: list[str]
    functions: dict[str, Definition]
    members: set[str]

    @property
    def is_protocol(self) -> bool:
        """Whether it only declares."""
        return any(base.split("[")[0].split(".")[-1] == "Protocol" for base in self.bases)


def kinds(tree: Tree) -> list[Kind]:
    """All classes."""
    found = []
    for file in tree.files.values():
        for node in ast.walk(file.tree):
            if isinstance(node, ast.ClassDef):
                functions = {part.name: part for part in node.body if isinstance(part, Definition)}
                bases = [ast.unparse(base) for base in node.bases]
                found.append(Kind(node.name, file, bases, functions, _members(node) | functions.keys()))
    return found


def _members(node: ast.ClassDef) -> set[str]:
    names = {
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    for part in node.body:
        if isinstance(part, ast.Assign):
            names |= {target.id for target in part.targets if isinstance(target, ast.Name)}
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and ast.unparse(part.value) == "self":
            names.add(part.attr)
    return names


def implementations(tree: Tree) -> dict[str, tuple[Kind, list[Kind | str]]]:
    """Protocols by file and name, each with the classes that have all it declares, whether or not they say so.

    A protocol of ``__call__`` alone is implemented by functions too: by each whose parameters have the same names.
    """
    everything = kinds(tree)
    by_name: dict[str, list[Kind]] = defaultdict(list)
    for kind in everything:
        by_name[kind.name].append(kind)

    def lineage(kind: Kind, seen: frozenset[int] = frozenset()) -> Iterator[Kind]:
        yield kind
        for base in kind.bases:
            for parent in by_name.get(base.split("[")[0].split(".")[-1], []):
                if id(parent) not in seen and parent is not kind:
                    yield from lineage(parent, seen | {id(kind)})

    has = {id(kind): set().union(*(one.members for one in lineage(kind))) for kind in everything}
    answer: dict[str, tuple[Kind, list[Kind | str]]] = {}
    for kind in everything:
        if kind.is_protocol:
            wanted = set().union(*(one.members for one in lineage(kind) if one.is_protocol)) - {"__slots__"}
            found: list[Kind | str] = [
                other for other in everything if not other.is_protocol and wanted <= has[id(other)] and wanted
            ]
            if wanted == {"__call__"}:
                found = [one for one in found if isinstance(one, Kind) and _alike(one, kind)]
                found += _functions_like(tree, kind.functions["__call__"])
            answer[f"{kind.file.path}:{kind.name}"] = kind, found
    return answer


def _alike(kind: Kind, protocol: Kind) -> bool:
    call = kind.functions.get("__call__")
    return call is None or _parameters(call) == _parameters(protocol.functions["__call__"])


def _parameters(function: Definition) -> list[str]:
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    starred = [one.arg for one in (given.vararg, given.kwarg) if one]
    return [name.lstrip("_") for name in (*names, *starred) if name not in ("self", "cls")]


def _functions_like(tree: Tree, call: Definition) -> list[str]:
    wanted = _parameters(call)
    return [
        f"{file.path}:{node.name}()"
        for file in tree.files.values()
        for node in ast.walk(file.tree)
        if isinstance(node, Definition) and node.name != "__call__" and node is not call
        and type(node) is type(call) and _parameters(node) == wanted
    ]  # fmt: skip


def one_sided(tree: Tree) -> Row:
    """Protocols that one class of ours, or none, implements."""
    found = [
        f"{where}: {', '.join(one if isinstance(one, str) else one.name for one in those) or 'none found'}"
        for where, (_, those) in implementations(tree).items()
        if len(those) <= 1
    ]
    return Row("protocols with one implementation", len(found), 2, sorted(found))


def told_twice(tree: Tree) -> Row:
    """Methods of a protocol with a docstring that a class which implements it tells in other words."""
    found = []
    for where, (protocol, those) in implementations(tree).items():
        for name, declared in protocol.functions.items():
            said = ast.get_docstring(declared)
            others = [
                one.name
                for one in those
                if isinstance(one, Kind) and name in one.functions and name != "__call__"
                and (own := ast.get_docstring(one.functions[name])) and said and inspect.cleandoc(own) != said
            ]  # fmt: skip
            if others:
                found.append(f"{where}.{name}: {', '.join(others)}")
    return Row("methods told in two wordings", len(found), 0, sorted(found))


def stations(tree: Tree) -> Row:
    """Classes and functions through which the value of ``SETTING`` goes, followed by its names.

    It starts with the setting's name. Where a station gives a value of a known name on under another
    (``threads=x.gguf_threads``), that name is known from then on. A station is the outermost class or function of a
    file that has a field, a parameter, an attribute, a keyword or a key of a known name.
    """
    known = {SETTING}
    while True:
        found = {
            f"{file.path}:{name}": node
            for file in tree.files.values()
            for name, node in _outermost(file)
            if _names_in(node) & known
        }
        more = {name for node in found.values() for name in _given_on(node, known)} - known
        if not more:
            return Row(f"stations that {SETTING} passes", len(found), 3, [*sorted(found), f"(names: {sorted(known)})"])
        known |= more


def _outermost(file: File) -> Iterator[tuple[str, ast.AST]]:
    for node in file.tree.body:
        if isinstance(node, ast.ClassDef | Definition):
            yield node.name, node


def _names_in(node: ast.AST) -> set[str]:
    """Names of fields, parameters, attributes, keywords and keys."""
    names = set()
    for part in ast.walk(node):
        match part:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.arg(arg=name) | ast.Attribute(attr=name):
                names.add(name)
            case ast.keyword(arg=str(name)) | ast.Subscript(slice=ast.Constant(value=str(name))):
                names.add(name)
    return names


def _given_on(node: ast.AST, known: set[str]) -> Iterator[str]:
    """Names under which a value of a known name is handed on or kept."""
    for part in ast.walk(node):
        if isinstance(part, ast.keyword) and part.arg and _last(part.value) in known:
            yield part.arg
        elif isinstance(part, ast.Assign) and _last(part.value) in known:
            yield from (target.attr for target in part.targets if isinstance(target, ast.Attribute))
        elif isinstance(part, ast.Dict):
            values = zip(part.keys, part.values, strict=True)
            yield from (
                str(key.value) for key, value in values if isinstance(key, ast.Constant) and _last(value) in known
            )


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.BoolOp(values=[first, *_]):
            return _last(first)
    return ""


def provider_places(tree: Tree) -> Row:
    """Definitions and assignments at the top of a module, outside the provider's own file, whose code names a provider.

    The provider is Gemini, whose name is no other's. Its own file is the one with a class called after it.
    """
    found = []
    for file in tree.files.values():
        if any(isinstance(node, ast.ClassDef) and PROVIDER in node.name.lower() for node in file.tree.body):
            continue
        for number, node in enumerate(file.tree.body):
            if any(PROVIDER in word.lower() for word in _words(file, node)):
                what = getattr(node, "name", None) or _assigned(node) or f"statement {number + 1}"
                found.append(f"{file.path}:{node.lineno} {what}")
    return Row("places to edit for a new provider, beside its own file", len(found), 3, found)


def _words(file: File, node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        match part:
            case ast.Constant(value=str(word)) if id(part) not in file.docstrings:
                yield word
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word) | ast.arg(arg=word):
                yield word


def _assigned(node: ast.stmt) -> str:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return ", ".join(target.id for target in targets if isinstance(target, ast.Name))


def mixed_sql(tree: Tree) -> Row:
    """Files that hold a raw statement and build others with SQLAlchemy Core; migrations aside.

    Raw is a text that begins as a statement does, its keyword in capitals, or any use of SQLAlchemy's ``text``. Core is
    a name of ``STATEMENTS`` imported from SQLAlchemy, or called on a table.
    """
    found = [str(file.path) for file in tree.outside_migrations if _has_raw(file) and _has_core(file)]
    return Row("files that mix raw SQL and Core", len(found), 0, found)


def _has_raw(file: File) -> bool:
    return "text" in _of_sqlalchemy(file) or any(
        isinstance(node, ast.Constant) and isinstance(node.value, str)
        and id(node) not in file.docstrings and _RAW.match(node.value)
        for node in ast.walk(file.tree)
    )  # fmt: skip


def _has_core(file: File) -> bool:
    imported = _of_sqlalchemy(file)
    return bool(imported & STATEMENTS) or (bool(imported) and any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args
        and node.func.attr in {"select", "insert", "update", "delete"}
        for node in ast.walk(file.tree)
    ))  # fmt: skip


def _of_sqlalchemy(file: File) -> set[str]:
    """What a file imports from SQLAlchemy."""
    nodes = [node for node in ast.walk(file.tree) if isinstance(node, ast.ImportFrom)]
    return {a.name for node in nodes if (node.module or "").split(".")[0] == "sqlalchemy" for a in node.names}


def same_names(tree: Tree) -> Row:
    """Names of files that occur twice, ``__init__`` aside; command line and web may repeat one that is elsewhere."""
    at: dict[str, list[Path]] = defaultdict(list)
    for file in tree.files.values():
        if file.path.name != "__init__.py":
            at[file.path.name].append(file.path)
    found = []
    for name, paths in sorted(at.items()):
        shown_in = [next((place for place in SHOWING if path.parts[: len(place)] == place), None) for path in paths]
        if len(set(shown_in)) < len(paths):
            found.append(f"{name}: {', '.join(sorted(str(path.parent) for path in paths))}")
    return Row("file names that occur twice", len(found), 6, found)


def lines(tree: Tree) -> Row:
    """Lines of all Python files."""
    return Row("lines of src (Python)", sum(file.text.count("\n") for file in tree.files.values()), 110_000)


def lengths(tree: Tree) -> list[Row]:
    """Lines of functions from ``def`` to the end, those within others too; decorators aside."""
    all_of_them = sorted(
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{file.path}:{node.lineno} {node.name}")
        for file in tree.files.values()
        for node in ast.walk(file.tree)
        if isinstance(node, Definition)
    )
    longest = [f"{length} {name}" for length, name in reversed(all_of_them[-5:])]
    return [
        Row(
            "lines of the median function",
            round(statistics.median(length for length, _ in all_of_them or [(0, "")])),
            8,
        ),
        Row("lines of the longest function", all_of_them[-1][0] if all_of_them else 0, 60, longest),
    ]


def hidden_imports(tree: Tree) -> Row:
    """Import statements inside functions, whatever they import."""
    found: dict[Path, int] = defaultdict(int)
    for file in tree.files.values():
        within = {id(part) for node in ast.walk(file.tree) if isinstance(node, Definition) for part in ast.walk(node)}
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) in within:
                found[file.path] += 1
    most = [f"{count} {path}" for path, count in sorted(found.items(), key=lambda one: -one[1])]
    return Row("imports inside functions", sum(found.values()), None, most)


MEASURES: tuple[Callable[[Tree], Row], ...] = (places, circles, against, one_sided, told_twice, stations)
MEASURES += (provider_places, mixed_sql, same_names, lines)


def figures(root: Path) -> list[Row]:
    """All figures of the package at ``root``."""
    tree = Tree(root)
    return [*(measure(tree) for measure in MEASURES), *lengths(tree), hidden_imports(tree)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 1 with ``--check`` where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent / "src" / PACKAGE)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--details", action="store_true", help="list what was counted")
    parser.add_argument("--check", action="store_true", help="status 1 where a figure is beyond its goal")
    options = parser.parse_args(arguments)
    rows = figures(options.root)
    if options.json:
        told = [
            {"name": r.name, "value": r.value, "goal": r.goal, "missed": r.missed, "counted": r.counted} for r in rows
        ]
        print(json.dumps(told, indent=2))
    else:
        _print(rows, details=options.details)
    return int(options.check and any(row.missed for row in rows))


def _print(rows: list[Row], *, details: bool) -> None:
    width = max(len(row.name) for row in rows)
    print(f"{'figure':<{width}}  {'now':>7}  {'goal':>8}")
    for row in rows:
        goal = "" if row.goal is None else f"≤ {row.goal:,}"
        print(f"{row.name:<{width}}  {row.value:>7,}  {goal:>8}{'  missed' if row.missed else ''}")
        for one in row.counted if details else ():
            print(f"    {one}")


if __name__ == "__main__":
    sys.exit(main())
