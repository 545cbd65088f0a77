"""What people may say that a ticket is called: names as its system gives them, and its addresses where they hold one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.act.connectors.connected import build_connectors
from andon.act.connectors.connector import Connector, short_name
from support.settings import settings_of

TABLES: dict[str, list[dict[str, Any]]] = {
    "jira": [
        {
            "url": "https://api.atlassian.com/ex/jira/1122", "page": "https://plant.atlassian.net",
            "edition": "cloud", "user": "a@plant.example", "token": "t" * 8, "projects": ["OPS"],
        }
    ],
    "servicenow": [
        {
            "url": "https://plant.service-now.com", "user": "andon", "password": "p" * 8,
            "tables": ["incident", "problem"],
        }
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def connectors() -> dict[str, Connector]:
    return dict(build_connectors(settings_of(**TABLES)))


@pytest.mark.parametrize(
    ("system", "said", "ref"),
    [
        ("jira", "OPS-1482", "OPS-1482"),
        ("jira", "ops-1482", "OPS-1482"),
        ("jira", "https://plant.atlassian.net/browse/OPS-1482", "OPS-1482"),
        ("jira", "https://plant.atlassian.net/browse/OPS-1482?focusedId=1", "OPS-1482"),
        ("jira", "https://elsewhere.example/browse/OPS-1482", None),
        ("jira", "OPS", None),
        ("jira", "1482", None),
        ("jira", "javascript:alert(1)", None),
        ("servicenow", "INC0010001", "INC0010001"),
        ("servicenow", "incident/INC0010001", "INC0010001"),
        ("servicenow", "problem/PRB0040001", "problem/PRB0040001"),
        ("servicenow", "sys_user/USR0001", None),
        ("servicenow", "INC", None),
        ("servicenow", "https://plant.service-now.com/nav_to.do?uri=incident.do", None),
    ],
)
def test_each_system_knows_its_own_names(
    connectors: dict[str, Connector], system: str, said: str, ref: str | None
) -> None:
    """In the form that its receipts have, so that one ticket has one name."""
    assert connectors[system].read_ref(said) == ref


@pytest.mark.parametrize("said", ["OPS-7", "#17", "7", "owner/name#17", "team.desk_4-2", "Störung-7"])
def test_any_other_takes_a_short_name(said: str) -> None:
    assert short_name(said) == said


@given(st.text(max_size=200))
def test_no_name_is_an_address_or_markup(said: str) -> None:
    """Whatever is typed: what is taken is a name on one line, and itself."""
    made = short_name(said)
    assert made in (None, said)
    if made is not None:
        assert 0 < len(made) <= 100
        assert not set(made) & set(":<>&?\"'()\\ \n")
