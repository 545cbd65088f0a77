"""Settings: the only place that reads the environment, ``.env`` and ``andon.toml``.

Every setting is one field of :class:`Settings`: its environment name, default and one sentence. The settings page of
the documentation is generated from this table. The names the reference system had are kept as they were; Andon's own
carry the prefix ``ANDON_``. In ``andon.toml`` a setting is written in lower case without the prefix
(``nats_port = 4222``). The environment goes before ``.env``, which goes before ``andon.toml``. A command that is
started elsewhere reads those of the service, see :mod:`andon.core.settings.whereabouts`.
"""

from __future__ import annotations

import codecs
import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from andon.core.errors import ConfigError
from andon.core.models import SEVERITY_RANK
from andon.core.private_files import FileAccess, access_for
from andon.core.settings.connectors import ConnectorSettings
from andon.core.settings.database_url import Database, parse_database
from andon.core.settings.listeners import ListenerSettings
from andon.core.settings.mistakes import sentence
from andon.core.settings.providers import KEY_FIELDS, ProviderSettings
from andon.core.settings.qualification import TrustSettings
from andon.core.settings.retention import RetentionSettings, SeverityName, parse_keep
from andon.core.settings.site import MONTH_FIRST, THREE_SHIFTS, OwnSeverity, ServiceSettings, ShiftSettings
from andon.core.settings.sources import SourceSettings
from andon.core.settings.whereabouts import Whereabouts, require_readable

#: Names taken over from the reference system, without a prefix.
REFERENCE_NAMES = frozenset(
    {"provider", "model", "api_key", "nats_url", "agent_name", "agent_instructions", "db_path", "ollama_host"}
)
#: Names that the providers' own tools read, kept as they are as well.
KNOWN_NAMES = KEY_FIELDS - {"compatible_api_key"}

#: What the agent is called and told to be where the site says nothing else.
DEFAULT_AGENT_NAME = "Agent Sig"
DEFAULT_INSTRUCTIONS = (
    "You help technicians and IT staff of a manufacturing site. You read error logs of machines, PLCs, drives, "
    "robots, sensors, networks, servers and databases, and say what is wrong and what to check first, in plain, "
    "short sentences a technician on shift can act on. Name parts, codes and values from the logs. Never invent "
    "facts: where the logs do not show the cause, say what would show it."
)

#: The smallest cap on the database, in bytes.
LEAST_CAP = 16 * 1024 * 1024

#: The service whose settings are read, where they are not those of the working directory.
_OF: ContextVar[Whereabouts | None] = ContextVar("the service whose settings are read", default=None)


def environment_name(field: str) -> str:
    """The environment variable of a settings field: ``nats_port`` → ``ANDON_NATS_PORT``, ``model`` → ``MODEL``."""
    return field.upper() if field in REFERENCE_NAMES | KNOWN_NAMES else f"ANDON_{field.upper()}"


class Settings(ListenerSettings, SourceSettings, ConnectorSettings, ProviderSettings, TrustSettings, BaseSettings):
    """All settings, checked. Build it with :func:`load_settings`, which turns mistakes into one sentence each."""

    model_config = SettingsConfigDict(
        alias_generator=environment_name,
        populate_by_name=True,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    _service: Whereabouts | None = PrivateAttr(None)

    agent_name: str = Field(
        DEFAULT_AGENT_NAME, max_length=100, description="What the agent is called in prompts and replies."
    )
    agent_instructions: str = Field(
        DEFAULT_INSTRUCTIONS, max_length=8000, description="What the model is told to be, in front of every question."
    )
    db_path: str = Field(
        "",
        description="The database: an SQLite file, or `postgresql://user:password@host:port/database` (with the extra "
        "`postgres`); empty means `agent.db` in the data directory.",
    )

    data_dir: Path = Field(
        Path("data"), description="Directory of everything Andon keeps: database, broker store (`jetstream`), locks."
    )
    data_group: str = Field(
        "",
        max_length=100,
        description="Group of this machine whose members may read the database and its directory, when they are made "
        "(0640, 0750); empty means nobody but the user who runs Andon (0600, 0700).",
    )
    durability: Literal["normal", "strict"] = Field(
        "normal",
        description="`normal`: the broker syncs to disk every second; `strict`: broker and database sync each write.",
    )
    upgrade_copies: int = Field(
        2,
        ge=0,
        le=100,
        description="Copies of an SQLite database that are kept beside it from before upgrades, each as large as the "
        "database was; 0 makes none. See [backup](backup.md).",
    )
    record_batch: int = Field(
        500, ge=1, le=5000, description="Most logs stored in one transaction, unless one message holds more."
    )
    picture_max_bytes: int = Field(
        4_194_304,
        ge=0,
        le=67_108_864,
        description="Largest picture kept that comes with a log, in bytes; 0 keeps none.",
    )
    site_name: str = Field("", max_length=40, description="Name of the site, shown at the top of the page.")
    time_zone: str = Field("UTC", description="Zone of log timestamps that name none, such as `Europe/Berlin`.")
    date_order: Literal["auto", "day-first", "month-first"] = Field(
        "auto",
        description="What `02/01/2025` means in a timestamp. `auto`: by the zone, `month-first` in those of the United "
        "States, the Philippines and other places that write so. One of `auto`, `day-first`, `month-first`.",
    )
    severities: dict[str, OwnSeverity] = Field(
        {},
        max_length=1_000,
        description="What the site's own severities mean, words or numbers: a table `[severities]` in `andon.toml` "
        'with lines such as `"Prio7" = "ERROR"`.',
    )
    encoding: str = Field(
        "utf-8",
        description="Encoding that is tried first for messages that are no UTF-8, such as `cp1252`, `gbk` or "
        "`shift_jis`.",
    )
    model_deadline: float = Field(
        120.0, gt=0, le=3600, description="Longest a model may take for an answer, in seconds."
    )
    model_cold_deadline: float = Field(
        300.0, gt=0, le=7200, description="The same while the model has still to be loaded, in seconds."
    )
    model_max_tokens: int = Field(
        2048,
        ge=64,
        le=65536,
        description="Longest answer a model may give, in tokens. Where it is not set, a model of `OLLAMA` or "
        "`EMBEDDED` that does not think gets 400 for a finding.",
    )
    model_prompt_tokens: int = Field(
        2000,  # with the longest answer it fits into 4,096 tokens, Ollama's default context
        ge=500,
        le=1_000_000,
        description="Most of a problem the model is shown, in tokens (estimated).",
    )
    model_attempts: int = Field(
        5, ge=1, le=100, description="Model calls spent on one problem before the playbook's answer becomes final."
    )
    model_concurrency: int = Field(
        4,
        ge=1,
        le=64,
        description="Most questions the model may be asked at once; a local one starts at 1 and gets more where it "
        "stays quick.",
    )
    tool_calls: int = Field(
        8, ge=0, le=50, description="Most look-ups in the history that a model may make for one question; 0 for none."
    )
    investigate: Literal["off", "on"] = Field(
        "off",
        description="`on`: before it explains a problem, a model that calls tools may look into the history (each "
        "further request counts against the budgets), any other is shown what else the host logged. One of `off`, "
        "`on`.",
    )
    budget_calls_hour: int = Field(
        0,
        ge=0,
        description="Most model calls in any hour, 0 for no limit; of 10 and more a tenth is kept for new CRITICAL "
        "problems.",
    )
    budget_calls_day: int = Field(0, ge=0, description="Most model calls in any 24 hours, 0 for no limit.")
    budget_tokens_hour: int = Field(
        0, ge=0, description="Most tokens the model may take in any hour, questions and answers, 0 for no limit."
    )
    budget_tokens_day: int = Field(0, ge=0, description="The same in any 24 hours.")
    runbooks: Path = Field(
        Path("runbooks"), description="Directory of the site's own runbooks (Markdown); read again when they change."
    )
    playbook: Path = Field(
        Path("playbook"),
        description="Directory of the site's own playbook rules (YAML), which go before the built-in ones; read again "
        "when they change; see [playbook](playbook.md).",
    )
    analyze: Literal["novel", "every", "none"] = Field(
        "novel",
        description="What is explained: `novel`: each problem once; `every`: each log by itself, as the reference did; "
        "`none`: nothing, logs are only stored.",
    )
    analyze_severity: SeverityName = Field(
        "DEBUG", description="Least severity that is explained. One of `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`."
    )
    code_patterns: list[str] = Field(
        [],
        description="Regular expressions of alarm codes that keep problems apart, beside the built-in ones: a list in "
        '`andon.toml`, such as `["ZX-[A-Z]{2}"]`.',
    )
    code_fields: list[str] = Field(
        [],
        description="Fields, in the context or beside `message`, whose values keep problems apart, beside the built-in "
        'ones such as `alarm_code`: a list in `andon.toml`, such as `["message_id"]`.',
    )
    shifts: list[ShiftSettings] = Field(
        THREE_SHIFTS,
        description="The site's shifts, in `andon.toml`: a table `[[shifts]]` for each with `name`, `start` and `end` "
        '(such as `"06:00"`, in `ANDON_TIME_ZONE`) and `days` (`["mon", "tue"]`; all unless given).',
    )
    services: dict[str, ServiceSettings] = Field(
        {},
        description='Other rules for some services, in `andon.toml`: a table such as `[services."press-*"]` with '
        "`analyze`, `severity` and `criticality` (0.1 to 10, multiplies the urgency); the first that matches counts.",
    )
    retention: list[RetentionSettings] = Field(
        [],
        max_length=200,
        description="How long which logs are kept, in `andon.toml`: a table `[[retention]]` for each rule, the first "
        'that matches counts; what none matches is kept for ever. `keep` is `"30d"`, `"forever"`, `"sample"` or '
        '`"none"`; see [retention](retention.md).',
    )
    retention_max_bytes: int = Field(
        0,
        ge=0,
        description="Most bytes the database may hold, 0 for no limit; beyond it the oldest of the least severe logs "
        "go.",
    )
    retention_rejects: str = Field(
        "90d", description='How long messages that were not understood are kept: `"90d"`, `"12h"`, `"forever"`.'
    )
    renew_after: float = Field(
        30.0, ge=0, le=3650, description="Age at which an explanation is made anew, in days; 0 means never by age."
    )
    renew_interval: float = Field(
        24.0,
        ge=0,
        le=8760,
        description="Least time between two explanations of one problem when it gets worse, spreads or comes more "
        "often, in hours.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity Andon's own log shows."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Form of Andon's own log; `auto` means text on a terminal and JSON elsewhere."
    )

    @field_validator("agent_name", "agent_instructions")
    @classmethod
    def _not_blank(cls, value: str, info: ValidationInfo) -> str:
        return value.strip() or str(cls.model_fields[str(info.field_name)].default)

    @field_validator("analyze_severity", mode="before")
    @classmethod
    def _severity_upper(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("severities")
    @classmethod
    def _own_words(cls, value: dict[str, str]) -> dict[str, str]:
        seen: set[str] = set()
        for word in map(str.strip, value):
            if not word:
                raise ValueError("an empty word means no severity, which is INFO: remove it")
            if word in SEVERITY_RANK:
                raise ValueError(f"the five names are always stored as they are sent: remove {word}")
            if word.casefold() in seen:
                raise ValueError(f"{word!r} stands there twice, in other letters: remove one")
            seen.add(word.casefold())
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; use a name such as Europe/Berlin") from None
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str) -> str:
        try:
            "a".encode(value)  # refuses what is not about text, such as hex
        except (LookupError, ValueError):
            raise ValueError(f"{value!r} is no encoding; use a name such as cp1252, gbk or shift_jis") from None
        return codecs.lookup(value).name

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        parse_database(self.db_path)
        demands = self.nats_access == "closed" or self.broker_credentials is not None
        self.check_mqtt_port(embedded=self.embedded_broker, demands=demands, taken=self.nats_port)
        try:
            parse_keep(self.retention_rejects)
        except ValueError as error:
            raise ValueError(f"ANDON_RETENTION_REJECTS={self.retention_rejects}: {error}") from None
        if 0 < self.retention_max_bytes < LEAST_CAP:
            raise ValueError(
                f"ANDON_RETENTION_MAX_BYTES={self.retention_max_bytes} is less than an empty database and a day's "
                f"counts take: use 0 for no limit, or {LEAST_CAP} (16 MiB) at least"
            )
        if self.model_cold_deadline < self.model_deadline:
            raise ValueError("ANDON_MODEL_COLD_DEADLINE must not be shorter than ANDON_MODEL_DEADLINE")
        return self

    @property
    def service(self) -> Whereabouts | None:
        """The service elsewhere whose settings these are; None where they are the working directory's."""
        return self._service

    @property
    def day_first(self) -> bool:
        """Whether 02/01/2025 is the second of January."""
        return self.date_order == "day-first" or (self.date_order == "auto" and self.time_zone not in MONTH_FIRST)

    @property
    def file_access(self) -> FileAccess:
        """Who may read what Andon makes in its data directory. Raises ConfigError where the group cannot be used."""
        return access_for(self.data_group.strip())

    @property
    def database(self) -> Database:
        """Where the database is; its text may be shown, ``db_path`` itself may hold a password."""
        return parse_database(self.db_path) if self.db_path else self.data_dir / "agent.db"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        service = _OF.get()
        told = InitSettingsSource(settings_cls, dict(service.told) if service else {})
        in_file = InitSettingsSource(settings_cls, file_values())
        return init_settings, env_settings, told, dotenv_settings, in_file


def file_values() -> dict[str, Any]:
    """The values in ``andon.toml``, or in the file that ``ANDON_CONFIG`` names. Raises ConfigError."""
    explicit, service = os.environ.get("ANDON_CONFIG"), _OF.get()
    path = Path(explicit) if explicit else (service.directory if service else Path()) / "andon.toml"
    if not explicit and not os.path.isfile(path):
        return {}
    require_readable(path, service.user if service else "")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); correct ANDON_CONFIG or the file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    unknown = [key for key in values if key not in Settings.model_fields]
    if unknown:
        close = difflib.get_close_matches(unknown[0], Settings.model_fields, 1)
        hint = f"did you mean {close[0]}?" if close else "docs/settings.md lists all of them"
        raise ConfigError(f"{path} has an unknown setting {unknown[0]!r}; {hint}")
    return {environment_name(key): value for key, value in values.items()}


def load_settings(service: Whereabouts | None = None, /, **overrides: Any) -> Settings:
    """The settings in force. ``overrides`` are field names with values that go before everything else.

    They are those of ``service`` where one is given: its files, and what it was told by its environment, behind the
    environment of this process. Raises ConfigError with one sentence for each mistake.
    """
    dotenv = (service.directory if service else Path()) / ".env"
    require_readable(dotenv, service.user if service else "")
    reading = _OF.set(service)
    try:
        settings = Settings(_env_file=dotenv, **overrides)  # type: ignore[call-arg]  # taken by pydantic-settings
    except ValidationError as error:
        names = {field: environment_name(field) for field in Settings.model_fields}
        raise ConfigError("; ".join(sentence(e, names, Settings) for e in error.errors(include_url=False))) from None
    except SettingsError as error:
        found = re.search(r'field "(\w+)"', str(error))
        name = environment_name(found[1]) if found else "a setting"
        raise ConfigError(f"{name} is not valid JSON; lists and tables are best written in andon.toml") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{dotenv} is not UTF-8 text; save it as UTF-8") from None
    finally:
        _OF.reset(reading)
    return settings if service is None else _standing_in(settings, service, overrides)


def _standing_in(settings: Settings, service: Whereabouts, overrides: Mapping[str, Any]) -> Settings:
    """The same with paths as they are for ``service``, which started in its own directory."""
    if missing := [name for name in service.hidden if not os.environ.get(name)]:
        raise ConfigError(
            f"the service in {service} has {' and '.join(missing)} from its environment, with a secret in it that is "
            "told nobody: set the same here, or move it into a .env there"
        )
    absolute: dict[str, Any] = {}
    for field in Settings.model_fields.keys() - overrides.keys():
        value = getattr(settings, field)
        if isinstance(value, Path) and not value.is_absolute() and not os.environ.get(environment_name(field)):
            absolute[field] = service.directory / value
    if settings.db_path and isinstance(database := settings.database, Path):
        absolute["db_path"] = str(service.directory / database)
    chosen = set(settings.model_fields_set)
    rooted = settings.model_copy(update=absolute)
    rooted.__pydantic_fields_set__.intersection_update(chosen)
    rooted.__pydantic_private__ = {"_service": service}
    return rooted


@lru_cache(maxsize=1)
def settings_table() -> list[tuple[str, str, str]]:
    """Every setting as (environment name, default, sentence), in order: what the documentation is made of."""
    rows = []
    for field, info in Settings.model_fields.items():
        default = info.default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        if field == "shifts":
            default = ", ".join(f"{one.name} {one.start:%H:%M}–{one.end:%H:%M}" for one in THREE_SHIFTS)
        choices = (
            " or ".join(f"`{c}`" for c in get_args(info.annotation)) if get_origin(info.annotation) is Literal else ""
        )
        sentence = info.description or ""
        if choices and "`" not in sentence:
            sentence = f"{sentence} One of {choices}."
        rows.append((environment_name(field), "" if default is None else str(default), sentence))
    return rows
