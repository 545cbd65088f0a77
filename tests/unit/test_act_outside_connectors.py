"""Connectors that installed packages bring: the documented one at work, and what is said of broken ones."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connectors
from andon.act.connectors.connector import Connector
from andon.act.connectors.readers import READERS_MAX, readers_of
from andon.app.doctor.connector_checks import connected
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import CloseTicket, Comment, OpenTicket, Order, Section
from andon.core.settings.connectors.outside_settings import OutsideTable
from andon.core.settings.settings import Settings, load_settings
from support.acme_desk import AcmeDesk
from support.connector_pages import section
from support.packages import CONNECTORS, documented_table, install, install_the_documented_one
from support.settings import settings_of

TICKET = OpenTicket(
    title="ERROR: see https://evil.example",
    body=(Section("What happened", ("The press stopped <b>now</b>, see http://evil.example/x",)),),
    severity="ERROR",
)
ORDER = Order(key="0" * 31 + "1", arguments=TICKET)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of installed packages, which this process looks into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("acme_desk", "one_desk", "other_desk"):
        sys.modules.pop(name, None)


@pytest.fixture
def desk() -> Iterator[AcmeDesk]:
    with AcmeDesk() as served:
        yield served


def settings_for(desk: AcmeDesk, **more: Any) -> Settings:
    """The documented table, with the address and the token of a desk that there is."""
    table = {**documented_table("acme"), "secret": desk.token, "options": {"url": desk.url}, **more}
    return settings_of(connectors=[table])


def connector_at(desk: AcmeDesk) -> Connector:
    (made,) = build_connectors(settings_for(desk)).values()
    return made


async def test_the_documented_package_opens_a_ticket_and_finds_it(packages: Path, desk: AcmeDesk) -> None:
    """As docs/extending.md shows it: what was rendered is what arrives, and nothing in it is a link."""
    install_the_documented_one(packages, CONNECTORS)
    made = connector_at(desk)
    rendered = made.render(ORDER)
    assert (made.name, made.address) == ("desk", desk.url)
    assert made.render(ORDER) == rendered
    assert desk.token not in repr(rendered)
    assert await made.find(ORDER) is None
    receipt = await made.send(ORDER, rendered)
    assert (receipt.ref, receipt.url) == ("1", f"{desk.url}/tickets/1")
    assert await made.find(ORDER) == receipt
    ((path, body),) = desk.writes
    assert path == "/tickets"
    assert body == {
        "title": "ERROR: see https[:]//evil.example",
        "text": "What happened\nThe press stopped <b>now</b>, see http[:]//evil.example/x",
        "key": ORDER.key,
    }
    (reader,) = made.readers()
    assert "evil" in await reader.look(text="press")
    note = Order("2", Comment(ticket="1", body=TICKET.body))
    await made.send(note, made.render(note))
    assert desk.writes[1][0] == "/tickets/1/notes"
    with pytest.raises(ActionRefused, match=r"desk closes no tickets; it opens tickets \(--do ticket\), comments"):
        made.render(Order("3", CloseTicket(ticket="1", body=())))
    await made.close()


async def test_its_failures_are_of_the_three_kinds(packages: Path, desk: AcmeDesk) -> None:
    """Refused in the desk's own words, away, or nobody knows."""
    install_the_documented_one(packages, CONNECTORS)
    made = connector_at(desk)
    rendered = made.render(ORDER)
    for fails, error, said in [
        (422, ActionRefused, "desk answered 422: not today"),
        (503, TargetAway, "desk answered 503"),
        (500, OutcomeUnknown, "desk answered 500"),
        ("cut", OutcomeUnknown, "the connection broke before the answer arrived"),
    ]:
        desk.fails.append(fails)
        with pytest.raises(error, match=said):
            await made.send(ORDER, rendered)
    assert await made.find(ORDER) is not None  # the last one was done all the same
    await made.close()


async def test_doctor_checks_it(packages: Path, desk: AcmeDesk) -> None:
    """Login and right; a wrong token is no traceback, and is not shown."""
    install_the_documented_one(packages, CONNECTORS)
    (fine,) = await connected(settings_for(desk))
    assert (fine.name, fine.ok, fine.detail) == ("desk", True, f"answers at {desk.url}, as andon")
    desk.may_write = False
    (barred,) = await connected(settings_for(desk))
    assert (barred.ok, barred.remedy) == (False, "have it granted at ACME's desk")
    (wrong,) = await connected(settings_for(desk, secret="s3cret-and-wrong"))
    assert wrong.ok is False
    assert "who are you?" in wrong.detail
    assert "s3cret" not in repr(wrong)
    assert desk.writes == []


def test_what_a_package_needs_is_said_when_it_is_made(packages: Path) -> None:
    """The sentence is the package's own."""
    install_the_documented_one(packages, CONNECTORS)
    with pytest.raises(ConfigError, match=r"\[\[connectors\]\] acme, url of its options: this is not an address"):
        build_connectors(settings_of(connectors=[{"kind": "acme"}]))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def AcmeDesk(setup): return 7", "it makes a int, which is not a Connector"),
        ("def AcmeDesk(setup): raise ValueError(setup.named.table.secret.get_secret_value())", "[redacted]"),
        (
            "from andon.act.connectors.connector import Connector\nclass AcmeDesk(Connector): kind = 'x'",
            "TypeError: Can't",
        ),
    ],
)
def test_what_a_broken_package_does_is_told(packages: Path, code: str, reason: str) -> None:
    """With the package's name, and without the secret."""
    install(packages, "acme_desk", code, name="acme-desk", entry="acme = acme_desk:AcmeDesk", group=CONNECTORS)
    with pytest.raises(ConfigError) as caught:
        build_connectors(settings_of(connectors=[{"kind": "acme", "secret": "s3cret-of-acme"}]))
    told = str(caught.value)
    assert re.search(rf"comes from the package acme-desk 1.0, which cannot be used \(.*{re.escape(reason)}", told)
    assert "s3cret" not in told


def test_an_unknown_kind_and_one_that_two_packages_have_are_told(packages: Path) -> None:
    """With the kinds that there are."""
    install(packages, "one_desk", "", name="one", entry="acme = one_desk:Made", group=CONNECTORS)
    with pytest.raises(ConfigError, match="no installed package has a connector for 'acne'; there are: acme"):
        build_connectors(settings_of(connectors=[{"kind": "acne"}]))
    install(packages, "other_desk", "", name="other", entry="ACME = other_desk:Made", group=CONNECTORS)
    with pytest.raises(ConfigError, match=r"acme comes from (one|other) 1.0 and (one|other) 1.0: uninstall all but"):
        build_connectors(settings_of(connectors=[{"kind": "acme"}]))


def test_readers_are_told_apart_and_bounded(packages: Path, desk: AcmeDesk) -> None:
    """Two desks have two names, none takes one of the history's tools, and there are not too many."""
    install_the_documented_one(packages, CONNECTORS)
    tables = [
        {"kind": "acme", "name": f"desk-{number}", "options": {"url": desk.url}} for number in range(READERS_MAX + 3)
    ]
    made = build_connectors(settings_of(connectors=tables)).values()
    assert [one.name for one in readers_of(made)][:2] == ["desk-0_tickets", "desk-1_tickets"]
    assert len(readers_of(made)) == READERS_MAX
    taken = readers_of(list(made)[:1], ["desk-0_tickets"])
    assert [one.name for one in taken] == ["desk-0_desk-0_tickets"]


def test_the_documented_table_is_right(packages: Path) -> None:
    """As it stands in the documentation."""
    install_the_documented_one(packages, CONNECTORS)
    page = section("outside")
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (made,) = build_connectors(load_settings(**tomllib.loads(example))).values()
    assert (made.name, made.address) == ("desk", "https://desk.acme.example")
    for key in OutsideTable.model_fields:
        assert f"`{key}`" in page
