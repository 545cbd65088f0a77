"""Names of a package that are imported when they are asked for: who uses one part of it does not import the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late_names(
    package: str, places: Mapping[str, tuple[str, ...]], modules: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """The ``__getattr__`` of ``package``, for ``places``: the names that each of its modules has.

    ``modules`` are names that stand for a whole module of it. No other name may be that of a module of the package: the
    import of that module would put it in the name's place.
    """
    place_of = {name: module for module, names in places.items() for name in names}
    whole = modules or {}

    def imported(name: str) -> Any:
        if name in whole:
            found: Any = import_module(f"{package}.{whole[name]}")
        elif name in place_of:
            found = getattr(import_module(f"{package}.{place_of[name]}"), name)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, found)  # so that it is not asked for again
        return found

    return imported
