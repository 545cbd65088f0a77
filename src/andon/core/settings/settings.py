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

from dotenv import dotenv_values
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
from andon.core.settings.late_tables import Late
from andon.core.settings.listeners import ListenerSettings
from andon.core.settings.mistakes import InFile, sentence
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

    agent_name: str = Field(DEFAULT_AGENT_NAME, max_length=100, description="Name of the agent in prompts and replies.")
    agent_instructions: str = Field(
        DEFAULT_INSTRUCTIONS, max_length=8000, description="Instructions for the model, sent before every question."
    )
    db_path: str = Field(
        "",
        description="The database: an SQLite file, or `postgresql://user:password@host:port/database` (with the extra "
        "`postgres`); empty means `agent.db` in the data directory.",
    )

    data_dir: Path = Field(
        Path("data"), description="Directory for everything Andon stores: database, broker store (`jetstream`), locks."
    )
    data_group: str = Field(
        "",
        max_length=100,
        description="Group on this machine whose members may read the database and its directory, applied when Andon "
        "creates them (0640, 0750); empty means only the user who runs Andon (0600, 0700).",
    )
    durability: Literal["normal", "strict"] = Field(
        "normal",
        description="`normal`: the broker syncs to disk every second; `strict`: broker and database sync every write.",
    )
    upgrade_copies: int = Field(
        2,
        ge=0,
        le=100,
        description="Number of copies of the SQLite database kept next to it from before upgrades, each as large as "
        "the database was; 0 makes none. See [backup](backup.md).",
    )
    record_batch: int = Field(
        2000,
        ge=1,
        le=5000,
        description="Maximum number of logs stored in one transaction, unless one message contains more.",
    )
    picture_max_bytes: int = Field(
        4_194_304,
        ge=0,
        le=67_108_864,
        description="Largest picture that is kept with a log, in bytes; 0 keeps none.",
    )
    site_name: str = Field("", max_length=40, description="Name of the site, shown at the top of the page.")
    time_zone: str = Field("UTC", description="Time zone of log timestamps without one, such as `Europe/Berlin`.")
    date_order: Literal["auto", "day-first", "month-first"] = Field(
        "auto",
        description="How to read `02/01/2025` in a timestamp. `auto`: by time zone, `month-first` in the United "
        "States, the Philippines and other places that write dates this way. One of `auto`, `day-first`, "
        "`month-first`.",
    )
    severities: dict[str, OwnSeverity] = Field(
        {},
        max_length=1_000,
        description="What the site's own severities, words or numbers, mean: a table `[severities]` in `andon.toml` "
        'with lines such as `"Prio7" = "ERROR"`.',
    )
    encoding: str = Field(
        "utf-8",
        description="Encoding tried first for messages that are not UTF-8, such as `cp1252`, `gbk` or `shift_jis`.",
    )
    model_deadline: float = Field(
        120.0, gt=0, le=3600, description="Longest time a model may take to answer, in seconds."
    )
    model_cold_deadline: float = Field(
        300.0, gt=0, le=7200, description="The same while the model still has to be loaded, in seconds."
    )
    model_max_tokens: int = Field(
        2048,
        ge=64,
        le=65536,
        description="Longest answer a model may give, in tokens. If it is not set, a model of `OLLAMA` or `EMBEDDED` "
        "that does not reason gets 400 tokens for an explanation.",
    )
    model_prompt_tokens: int = Field(
        2000,  # with the longest answer it fits into 4,096 tokens, Ollama's default context
        ge=500,
        le=1_000_000,
        description="How much of a problem the model is shown at most, in tokens (estimated).",
    )
    model_attempts: int = Field(
        5, ge=1, le=100, description="Number of model calls for one problem before the playbook's answer becomes final."
    )
    model_concurrency: int = Field(
        4,
        ge=1,
        le=64,
        description="Maximum number of questions to the model at once; a local model starts at 1 and gets more while "
        "it stays fast.",
    )
    tool_calls: int = Field(
        8,
        ge=0,
        le=50,
        description="Maximum number of look-ups in the history that a model may make for one question; 0 for none.",
    )
    investigate: Literal["off", "on"] = Field(
        "off",
        description="`on`: before it explains a problem, a model that can call tools may search the history (each "
        "further request counts against the budgets); any other model is shown what else the host logged. "
        "One of `off`, "
        "`on`.",
    )
    budget_calls_hour: int = Field(
        0,
        ge=0,
        description="Maximum number of model calls in any hour, 0 for no limit; of a budget of 10 or more, a tenth is "
        "reserved for new CRITICAL problems.",
    )
    budget_calls_day: int = Field(0, ge=0, description="Maximum number of model calls in any 24 hours, 0 for no limit.")
    budget_tokens_hour: int = Field(
        0,
        ge=0,
        description="Maximum number of tokens the model may use in any hour, questions and answers, 0 for no limit.",
    )
    budget_tokens_day: int = Field(0, ge=0, description="The same in any 24 hours.")
    runbooks: Path = Field(
        Path("runbooks"),
        description="Directory of the site's own runbooks (Markdown); changes are picked up automatically.",
    )
    playbook: Path = Field(
        Path("playbook"),
        description="Directory of the site's own playbook rules (YAML), which take precedence over the built-in ones; "
        "changes are picked up automatically; see [playbook](playbook.md).",
    )
    analyze: Literal["novel", "every", "none"] = Field(
        "novel",
        description="What is explained: `novel`: each problem once; `every`: each log by itself, as the reference "
        "system did; `none`: nothing, logs are only stored.",
    )
    analyze_severity: SeverityName = Field(
        "DEBUG",
        description="Lowest severity that is explained. One of `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`.",
    )
    code_patterns: list[str] = Field(
        [],
        description="Regular expressions for alarm codes that keep problems apart, in addition to the built-in ones: a "
        "list in "
        '`andon.toml`, such as `["ZX-[A-Z]{2}"]`.',
    )
    code_fields: list[str] = Field(
        [],
        description="Fields, in the context or next to `message`, whose values keep problems apart, in addition to "
        'built-in ones such as `alarm_code`: a list in `andon.toml`, such as `["message_id"]`.',
    )
    shifts: list[ShiftSettings] = Field(
        THREE_SHIFTS,
        description="The site's shifts, in `andon.toml`: a table `[[shifts]]` for each with `name`, `start` and `end` "
        '(such as `"06:00"`, in `ANDON_TIME_ZONE`) and `days` (`["mon", "tue"]`; all unless given).',
    )
    services: dict[str, Late[ServiceSettings]] = Field(
        {},
        description='Exceptions for some services, in `andon.toml`: a table such as `[services."press-*"]` with '
        "`analyze`, `severity` and `criticality` (0.1 to 10, multiplies the urgency); the first match applies.",
    )
    retention: list[Late[RetentionSettings]] = Field(
        [],
        max_length=200,
        description="How long logs are kept, in `andon.toml`: a table `[[retention]]` for each rule; the first match "
        'applies, and logs that no rule matches are kept forever. `keep` is `"30d"`, `"forever"`, `"sample"` or '
        '`"none"`; see [retention](retention.md).',
    )
    retention_max_bytes: int = Field(
        0,
        ge=0,
        description="Maximum size of the database in bytes, 0 for no limit; beyond it Andon deletes the oldest of the "
        "least severe logs.",
    )
    retention_rejects: str = Field(
        "90d", description='How long messages that could not be understood are kept: `"90d"`, `"12h"`, `"forever"`.'
    )
    renew_after: float = Field(
        30.0,
        ge=0,
        le=3650,
        description="Age in days after which a problem is explained again; 0 means never because of age.",
    )
    renew_interval: float = Field(
        24.0,
        ge=0,
        le=8760,
        description="Shortest time between two explanations of one problem when it gets worse, spreads or becomes more "
        "frequent, in hours.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest severity in Andon's own log."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Format of Andon's own log; `auto` means text on a terminal and JSON elsewhere."
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
                raise ValueError("an empty word stands for no severity, which is always INFO: remove it")
            if word in SEVERITY_RANK:
                raise ValueError(f"the five severities of Andon cannot be redefined: remove {word}")
            if word.casefold() in seen:
                raise ValueError(f"{word!r} is listed twice with different capitals: remove one")
            seen.add(word.casefold())
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone; use a name such as Europe/Berlin") from None
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str) -> str:
        try:
            "a".encode(value)  # refuses what is not about text, such as hex
        except (LookupError, ValueError):
            raise ValueError(f"{value!r} is not an encoding; use a name such as cp1252, gbk or shift_jis") from None
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
                f"ANDON_RETENTION_MAX_BYTES={self.retention_max_bytes} is less than an empty database with a day's "
                f"counts needs: set 0 for no limit, or at least {LEAST_CAP} (16 MiB)"
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
        file = _in_file(dotenv, {environment_name(field) for field in overrides} | set(service.told if service else ()))
        said = (sentence(e, names, Settings, file) for e in error.errors(include_url=False))
        raise ConfigError("; ".join(said)) from None
    except SettingsError as error:
        found = re.search(r'field "(\w+)"', str(error))
        name = environment_name(found[1]) if found else "a setting"
        raise ConfigError(f"{name} is not valid JSON; write lists and tables in andon.toml instead") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{dotenv} is not UTF-8 text; save it as UTF-8") from None
    finally:
        _OF.reset(reading)
    return settings if service is None else _standing_in(settings, service, overrides)


def _in_file(dotenv: Path, others: set[str]) -> InFile:
    """What ``andon.toml`` says, without what the environment, ``dotenv`` and ``others`` say before it."""
    before = others | given_names(os.environ) | given_names(dotenv_values(dotenv))
    values = {name: value for name, value in file_values().items() if name not in before}
    return InFile(file_name(), values)


def given_names(values: Mapping[str, str | None]) -> set[str]:
    """The environment names in ``values`` that say something: an empty one counts as not there."""
    return {name.upper() for name, value in values.items() if value}


def file_name() -> str:
    """What people call the settings file."""
    return Path(os.environ.get("ANDON_CONFIG") or "andon.toml").name


def _standing_in(settings: Settings, service: Whereabouts, overrides: Mapping[str, Any]) -> Settings:
    """The same with paths as they are for ``service``, which started in its own directory."""
    if missing := [name for name in service.hidden if not os.environ.get(name)]:
        raise ConfigError(
            f"the service in {service} has {' and '.join(missing)} from its environment, with a secret in it, which no "
            "other process can read: set the same here, or move it to a .env file there"
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
