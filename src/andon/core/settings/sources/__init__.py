"""The settings of the ways in: a part of :class:`andon.core.settings.settings.Settings`, one module for each source."""

from __future__ import annotations

from andon.core.settings.sources.file_settings import FileSettings
from andon.core.settings.sources.journald_settings import JournaldSettings
from andon.core.settings.sources.mqtt_settings import MqttSettings
from andon.core.settings.sources.mtconnect_settings import MtconnectSettings
from andon.core.settings.sources.opcua_settings import OpcuaSettings
from andon.core.settings.sources.otlp_settings import OtlpSettings
from andon.core.settings.sources.syslog_settings import SyslogSettings


class SourceSettings(
    FileSettings, JournaldSettings, SyslogSettings, OtlpSettings, MqttSettings, OpcuaSettings, MtconnectSettings
):
    """All of them."""
