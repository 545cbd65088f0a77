"""MQTT: the embedded broker's port, and whether each broker of ``[[mqtt]]`` lets us in."""

from __future__ import annotations

import asyncio
import secrets

from andon.core.errors import ConfigError
from andon.core.models import CheckResult
from andon.core.settings.listeners import is_loopback
from andon.core.settings.settings import Settings
from andon.core.settings.sources.mqtt_settings import MqttTopics


def mqtt(settings: Settings) -> list[CheckResult]:
    """Nothing where MQTT is not configured."""
    found = _port(settings) if settings.mqtt_port else []
    if settings.mqtt:
        found += asyncio.run(_brokers(settings))
    return found


def _port(settings: Settings) -> list[CheckResult]:
    where = f"{settings.mqtt_host} port {settings.mqtt_port}" if settings.mqtt_port > 0 else "a free port"
    detail = f"the embedded broker accepts MQTT 3.1.1 on {where}; only topics below agent/technical/support are logs"
    if is_loopback(settings.mqtt_host):
        return [CheckResult("mqtt", True, detail)]
    remedy = "passwords travel unencrypted: keep that network closed, or put a TLS proxy in front"
    return [CheckResult("mqtt", None, detail, remedy)]


async def _brokers(settings: Settings) -> list[CheckResult]:
    return list(await asyncio.gather(*(_broker(settings, table) for table in settings.mqtt)))


async def _broker(settings: Settings, table: MqttTopics) -> CheckResult:
    """Logs in under a name of its own, without a session: the running service's connection is left alone."""
    from andon.ingest.sources.mqtt import login_of
    from andon.ingest.sources.mqtt_connection import Away, MqttConnection

    told = ""
    for version in ("5", "3.1.1") if table.version == "auto" else (table.version,):
        try:
            login = await asyncio.to_thread(login_of, table, settings)
            connection = MqttConnection(table, login, f"andon{secrets.token_hex(8)}", version, keep=False)
        except ConfigError as error:
            return CheckResult("mqtt", False, str(error))
        try:
            await connection.open()
        except ConfigError as error:
            return CheckResult("mqtt", False, str(error))
        except Away as away:
            told = told or str(away)
            if not away.version:
                break
        else:
            return CheckResult("mqtt", True, f"{table.url} accepts the login, with MQTT {version}")
        finally:
            connection.close()
    return CheckResult(
        "mqtt", False, told, "check that the broker runs, and that its address and Andon's user are right"
    )
