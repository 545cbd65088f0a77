"""Raw statements mean the same on both databases, whatever stands in their quotes and comments."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from andon.core.settings.database_url import Database
from andon.store.schema.dialect import _formatted, run
from support.store_data import opened

pytest_plugins = ["support.databases"]

#: Anything but what would begin a quote or a comment.
_PLAIN = st.text(st.sampled_from("abc ?%,=()\n"), max_size=8)
_INSIDE = st.text(st.sampled_from("abc ?%,"), max_size=8)
_PARTS = st.one_of(
    _PLAIN.map(lambda text: (text, text.replace("%", "%%").replace("?", "%s"))),
    st.tuples(st.sampled_from(["'{}'", "''''||'{}'", '"{}"', "/*{}*/", "-- {}\n"]), _INSIDE).map(
        lambda made: (made[0].format(made[1]), made[0].format(made[1]).replace("%", "%%"))
    ),
)


@given(st.lists(_PARTS, max_size=8))
def test_only_a_place_for_a_value_is_translated(parts: list[tuple[str, str]]) -> None:
    """Quotes and comments keep their question marks; a per cent sign is one for the driver wherever it stands."""
    assert _formatted("".join(sql for sql, _ in parts)) == "".join(expected for _, expected in parts)


def test_every_place_gets_its_value() -> None:
    """As many places as question marks outside of quotes."""
    made = _formatted("SELECT '?', \"a?\", ? /* ? */ -- ?\n, ?")
    assert len(re.findall(r"(?<!%)%s", made)) == 2


async def test_both_databases_read_quotes_alike(database: Database) -> None:
    """A text with the sign of a value in it stays that text."""

    def ask(connection: Connection) -> tuple[object, ...]:
        return tuple(
            run(connection, "SELECT '50 % of what? it''s' AS \"who?\", CAST(? AS INTEGER) /* ? */ -- ?", (7,)).one()
        )

    async with opened(database) as store:
        assert await store.read(ask) == ("50 % of what? it's", 7)


@pytest.mark.parametrize("text", ["what?", "100 %", "it's", "-- ? /* ' \""])
async def test_values_are_never_read_as_sql(database: Database, text: str) -> None:
    """Whatever a value holds."""
    async with opened(database) as store:
        assert await store.read(lambda connection: run(connection, "SELECT CAST(? AS TEXT)", (text,)).scalar()) == text
