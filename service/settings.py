"""Every setting, with its default and unit: the only place that reads the environment.

Order: command-line options, then `VEDETTE_*` variables, then the TOML file named by
`VEDETTE_CONFIG`, then the defaults here. `docs/settings.md` lists them; a test keeps it so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from service import setting_checks, trusted_proxies

SHORTEST_PASSWORD: Final = 8
"""Characters, as of every new password (`api.passwords`)."""


class UnknownSetting(Exception):
    """The environment names settings that do not exist."""


def default_data_dir() -> Path:
    """`/var/lib/vedette` for root, else below the user's XDG data directory."""
    if os.geteuid() == 0:
        return Path("/var/lib/vedette")
    share = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(share) / "vedette"


def _admin_password(given: SecretStr | None) -> SecretStr | None:
    """Nobody can sign in with an empty password, so that one counts as not set."""
    length = 0 if given is None else len(given.get_secret_value())
    if 0 < length < SHORTEST_PASSWORD:
        raise ValueError(f"must have at least {SHORTEST_PASSWORD} characters")
    return given if length else None


class Settings(BaseSettings):
    """Built once at the start of a command; the floors below take values, never this object."""

    model_config = SettingsConfigDict(env_prefix="VEDETTE_", frozen=True, extra="forbid")

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory of everything the service keeps: journal, standby copy, and the "
        "embedded servers' files. Default /var/lib/vedette as root, else "
        "${XDG_DATA_HOME:-~/.local/share}/vedette.",
    )
    database_url: Annotated[SecretStr, AfterValidator(setting_checks.database_url)] = Field(
        default=SecretStr("postgresql://vedette@127.0.0.1:5432/vedette"),
        description="PostgreSQL 15-18, with or without TimescaleDB.",
    )
    database_connections: int = Field(
        default=8, ge=3, le=100, description="Size of the connection pool (connections)."
    )
    mqtt_url: Annotated[SecretStr, AfterValidator(setting_checks.mqtt_url)] = Field(
        default=SecretStr("mqtt://127.0.0.1:1883"),
        description="Broker, as mqtt://user:password@host:port or mqtts://...; the user needs "
        "read on vedette/v1/+/+ and write on the down topics.",
    )
    mqtt_ca_file: Path | None = Field(
        default=None, description="CA certificates (PEM) that sign the broker, for mqtts."
    )
    mqtt_redelivery_s: float = Field(
        default=0.0,
        ge=0,
        le=600,
        description="How long after a reconnect the broker may send unacknowledged messages again "
        "behind newer ones (s): nats-server's ack_wait; 0 for mosquitto, which sends them first.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the HTTP server listens on.")
    http_port: int = Field(
        default=8000, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one."
    )
    http_secure_cookie: bool = Field(
        default=False, description="Mark the session cookie Secure: set it behind HTTPS."
    )
    http_trusted_proxies: Annotated[str | None, AfterValidator(trusted_proxies.checked)] = Field(
        default=None,
        description="Addresses or networks, with commas, of the reverse proxies whose "
        "X-Forwarded-For is believed, as 127.0.0.1,10.8.0.0/24. Failed sign-ins are counted by the "
        "caller's address: behind a proxy that is not named here, all callers are one.",
    )
    admin_password: Annotated[SecretStr | None, AfterValidator(_admin_password)] = Field(
        default=None,
        description="Password of the first user `admin`, used only when there is no user yet; "
        "without it, or with an empty one, a random one is printed once. At least 8 characters.",
    )
    session_hours: float = Field(
        default=12.0, gt=0, le=720, description="Life of a sign-in without activity (hours)."
    )
    journal_url: Annotated[str | None, AfterValidator(setting_checks.journal_url)] = Field(
        default=None,
        description="Journal, as sqlite:///path. Default: journal.sqlite in the data directory.",
    )
    journal_max_mib: int = Field(
        default=8192,
        ge=16,
        description="Most disk the journal may take (MiB). When it is full nothing more is "
        "acknowledged to gateways until the store has caught up.",
    )
    journal_keep: bool = Field(
        default=False,
        description="Never trim the journal, so that everything can be folded again from the "
        "first entry: for audits and tests. It then grows up to journal_max_mib.",
    )
    database_wait_s: float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="How long a start that has no copy to work from (the first one on a data "
        "directory) waits for the database (s).",
    )
    batch_readings: int = Field(
        default=4000, ge=1, le=100_000, description="A batch is closed at this many readings."
    )
    batch_ms: float = Field(
        default=5.0, ge=0, le=1000, description="... or when its first reading is this old (ms)."
    )
    checkpoint_s: float = Field(
        default=10.0,
        ge=0.2,
        le=600,
        description="Time between checkpoints (s): how much is judged again after a crash.",
    )
    raw_days: int | None = Field(
        default=None,
        ge=30,
        description="Retention of raw readings (days). Default 90, or 400 where TimescaleDB "
        "compresses them.",
    )
    minute_days: int = Field(default=730, ge=30, description="Retention of 1-minute values (days).")
    hour_days: int = Field(default=3650, ge=30, description="Retention of 1-hour values (days).")
    alarm_days: int = Field(
        default=1826, ge=1826, description="Retention of alarms and acts (days); five years."
    )
    time_zone: Annotated[str, AfterValidator(setting_checks.time_zone)] = Field(
        default="Asia/Shanghai", description="Zone in which a day begins, for daily figures."
    )
    heartbeat_url: Annotated[str | None, AfterValidator(setting_checks.heartbeat_url)] = Field(
        default=None,
        description="Called (HTTP GET) while what arrives is judged and kept, so that somebody "
        "outside notices when it is not.",
    )
    heartbeat_s: float = Field(default=30.0, ge=1, description="Time between heartbeats (s).")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, else one JSON object a line."
    )
    nats_binary: Path | None = Field(
        default=None, description="Embedded broker: nats-server to run instead of the bundled one."
    )
    mosquitto_binary: Path | None = Field(
        default=None, description="Embedded broker: run this mosquitto instead of nats-server."
    )
    mosquitto_save_every_change: bool = Field(
        default=False,
        description="Embedded mosquitto: saves its queue after every change, so that a kill of it "
        "takes milliseconds and not five seconds; 2,300 messages a second instead of 70,000.",
    )
    postgres_bin: Path | None = Field(
        default=None,
        description="Embedded database: directory with initdb and postgres instead of the "
        "bundled ones.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        file = os.environ.get("VEDETTE_CONFIG")
        if file:
            Path(file).open("rb").close()  # pydantic would pass over one that is not there
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file or None)

    @classmethod
    def read(cls, **given: Any) -> Settings:
        """The settings, with what the command line gives on top.

        Raises:
            pydantic.ValidationError: values that cannot be, names the file has too many.
            UnknownSetting: names the environment has too many.
            OSError, ValueError: the settings file cannot be read.
        """
        if unknown := setting_checks.unknown_variables(os.environ, cls.model_fields):
            raise UnknownSetting("; ".join(unknown))
        return cls(**given)

    @property
    def journal(self) -> str:
        """The journal's URL, with its default worked out."""
        return self.journal_url or f"sqlite:///{self.data_dir / 'journal' / 'journal.sqlite'}"
