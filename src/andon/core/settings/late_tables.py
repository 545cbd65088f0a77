"""Tables of ``andon.toml`` that few sites have: what checks one is built when the first such table is there.

Every start and every command reads the settings; for all kinds of tables together that would take a fifth of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


class LateTable:
    """Marks the class of a table in an annotation: it checks values as ever, from the first one on.

    ``place`` is ``module:class`` where the class is to be imported no sooner either.
    """

    def __init__(self, place: str = "") -> None:
        self.place = place

    def load(self) -> type[BaseModel]:
        """The class at ``place``."""
        module, _, name = self.place.partition(":")
        found: type[BaseModel] = getattr(import_module(module), name)
        return found

    def __get_pydantic_core_schema__(self, source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """What is wrong with a table is told with its place, as if the class stood in the annotation itself."""

        def checked(value: Any) -> BaseModel:
            table: type[BaseModel] = self.load() if self.place else source
            return table.model_validate(value)

        return core_schema.no_info_plain_validator_function(checked)


#: ``list[Late[Table]]``: the class is there, what checks such a table is built late.
Late = Annotated[T, LateTable()]


def late_table(place: str) -> Any:
    """Stands for the class at ``place``, ``module:class`` below the settings, in an annotation."""
    return Annotated[Any, LateTable(f"{__package__}.{place}")]
