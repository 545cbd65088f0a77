"""The packages of the store import a name when it is asked for: every name that they promise is there, once."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest

from andon.core.late_names import late_names


@pytest.mark.parametrize("package", ["andon.store.alarms", "andon.store.problems", "andon.store.search"])
def test_every_name_of_a_package_is_found_and_none_is_that_of_a_module(package: str) -> None:
    found = import_module(package)
    modules = {each.name for each in pkgutil.iter_modules(found.__path__)}
    assert modules.isdisjoint(found.__all__), "importing the module would put it in the place of the name"
    for name in found.__all__:
        value = getattr(found, name)
        assert found.__dict__[name] is value, "it is looked for once"
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        found.nothing  # noqa: B018 - asking is what is tested


def test_a_name_that_its_module_does_not_have_is_no_name() -> None:
    with pytest.raises(AttributeError):
        late_names("andon.core", {"lengths": ("nothing",)})("nothing")
