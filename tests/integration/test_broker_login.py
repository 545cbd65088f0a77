"""Credentials in NATS_URL: used as they are meant, whatever they hold, and never shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from andon.bus.address import Server, masked, servers_of
from andon.bus.connection import connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.core.errors import BrokerUnavailable
from andon.core.settings.settings import load_settings
from support.bus import running_broker
from support.ports import free_ports

HARD = "p@s:s/w?o#r%41,d [x]"


async def greeted(url: str) -> None:
    """Connect and be answered."""
    nc = await connect(url, name="test")
    try:
        await nc.flush()
    finally:
        await nc.close()


async def test_passwords_with_reserved_characters(tmp_path: Path) -> None:
    """Percent-encoded in the URL, plain for the broker."""

    async with running_broker(tmp_path, nats_user="pl@nt", nats_password=SecretStr(HARD)) as broker:
        host = broker.url.removeprefix("nats://")
        await greeted(f"nats://{quote('pl@nt', safe='')}:{quote(HARD, safe='')}@{host}")


async def test_the_embedded_brokers_password_may_hold_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ANDON_NATS_PASSWORD is not a part of a URL for whoever sets it."""
    monkeypatch.chdir(tmp_path)
    port = free_ports(1)[0]
    settings = load_settings(data_dir=tmp_path, nats_url="", nats_port=port, nats_user="plant", nats_password=HARD)

    async with EmbeddedBroker(settings):
        await greeted(settings.broker_url)


async def test_each_server_of_a_list_gets_its_own_credentials(tmp_path: Path) -> None:
    """The first is away; the second is not offered the credentials of the first."""

    async with running_broker(tmp_path / "a", nats_user="one", nats_password=SecretStr("1")) as broker:
        host = broker.url.removeprefix("nats://")
        await greeted(f"nats://other:2@127.0.0.1:{free_ports(1)[0]},nats://one:1@{host}")


async def test_wrong_credentials_are_refused_at_once(tmp_path: Path) -> None:
    """One sentence, without them."""

    async with running_broker(tmp_path, nats_user="one", nats_password=SecretStr("1")) as broker:
        host = broker.url.removeprefix("nats://")
        with pytest.raises(BrokerUnavailable, match="refused the connection") as caught:
            await greeted(f"nats://one:pX9s3cr3t@{host}")
        assert "pX9s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("plant", [Server("plant")]),
        ("nats://t0ken@plant:1", [Server("nats://plant:1", token="t0ken")]),
        ("nats://u:p@a:1,nats://v:q@b:2", [Server("nats://a:1", "u", "p"), Server("nats://b:2", "v", "q")]),
        ("nats://u:p@a:1,v:q@b:2", [Server("nats://a:1", "u", "p"), Server("b:2", "v", "q")]),
        ("nats://a:1,b:2", [Server("nats://a:1"), Server("b:2")]),
        ("nats://u:p,w@a:1", [Server("nats://a:1", "u", "p,w")]),
        ("nats://u:p@/w@a:1", [Server("nats://a:1", "u", "p@/w")]),
        ("nats://u:@a", [Server("nats://a", "u", "")]),
    ],
)
def test_urls_are_taken_apart(url: str, servers: list[Server]) -> None:
    """Users, passwords, tokens and lists."""
    assert servers_of(url) == servers


@given(user=st.text(min_size=1), password=st.text())
def test_encoded_credentials_come_out_as_they_were(user: str, password: str) -> None:
    """Whatever they hold."""
    url = f"nats://{quote(user, safe='')}:{quote(password, safe='')}@a"
    assert servers_of(url) == [Server("nats://a", user, password)]


@given(st.text(alphabet="secret@,/:%?#", min_size=1, max_size=30))
def test_no_part_of_a_raw_password_is_shown(password: str) -> None:
    """Not even of one that should have been percent-encoded."""
    assert masked(f"nats://u:{password}@PLANT:4222") == "nats://***@PLANT:4222"


@pytest.mark.parametrize(
    "url", ["nats://plant:port", "nats://:4222", "http://plant:4222", "nats://[::1", "ftp://u:pX9@x"]
)
async def test_a_malformed_address_is_one_sentence(url: str) -> None:
    """What is wrong and which setting to correct, and no credentials."""

    with pytest.raises(BrokerUnavailable, match="NATS_URL") as caught:
        await connect(url, name="test", timeout=1.0)
    assert "pX9" not in str(caught.value)
