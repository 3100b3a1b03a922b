"""Where a setting comes from, and what no setting may be. The commands' words: acceptance tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, UnknownSetting, default_data_dir


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VEDETTE_")]:
        monkeypatch.delenv(name)


def test_an_option_goes_before_the_variable_before_the_file_before_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Settings.read().http_port == 8000
    file = tmp_path / "vedette.toml"
    file.write_text("http_port = 1\nraw_days = 400\n")
    monkeypatch.setenv("VEDETTE_CONFIG", str(file))
    assert Settings.read().http_port == 1
    monkeypatch.setenv("VEDETTE_HTTP_PORT", "2")
    assert Settings.read().http_port == 2
    assert Settings.read(http_port=3).http_port == 3
    assert Settings.read(http_port=3).raw_days == 400


def test_a_misspelt_variable_is_refused_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    misspelt = "VEDETTE_RAW_DAYS".removesuffix("S")
    monkeypatch.setenv(misspelt, "400")
    with pytest.raises(UnknownSetting, match=rf"{misspelt}: .*did you mean VEDETTE_RAW_DAYS\?"):
        Settings.read()


def test_the_file_and_what_tests_are_told_are_no_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VEDETTE_TEST_LONG", "1")
    monkeypatch.setenv("VEDETTE_CONFIG", "")
    assert Settings.read().raw_days is None  # the store knows: 90, or 400 where compressed


def test_a_settings_file_that_is_not_there_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VEDETTE_CONFIG", str(tmp_path / "nothing.toml"))
    with pytest.raises(FileNotFoundError):
        Settings.read()


@pytest.mark.parametrize(
    "given",
    [
        {"http_port": 65_536},
        {"database_url": "sqlite:///x"},
        {"mqtt_url": "mqtt://:1883"},
        {"mqtt_url": "mqtt://host:99999"},
        {"journal_url": "nats://host"},
        {"heartbeat_url": "file:///etc/passwd"},
        {"time_zone": "../../etc/passwd"},
        {"alarm_days": 365},
        {"admin_password": "7 chars"},
        {"http_trusted_proxies": "proxy.example.org"},
        {"http_trusted_proxies": "10.8.0.0/33"},
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.read(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"database_url": "postgresql://vedette@/vedette?host=/run/postgresql"},
        {"database_url": "postgres://u:p%40@[::1]:5432/v"},
        {"mqtt_url": "mqtts://u:p@broker.example.org"},
        {"journal_url": "sqlite:////var/lib/j.sqlite"},
        {"heartbeat_url": "https://example.org/ping"},
        {"time_zone": "UTC"},
        {"http_trusted_proxies": ""},
        {"http_trusted_proxies": "127.0.0.1, 10.8.0.0/24,::1"},
    ],
)
def test_what_can_be_is_taken(given: dict[str, object]) -> None:
    Settings.read(**given)


def test_an_empty_password_of_the_first_user_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEDETTE_ADMIN_PASSWORD", "")
    assert Settings.read().admin_password is None


def test_secrets_are_not_shown() -> None:
    settings = Settings.read(
        database_url="postgresql://u:hush@h/d",
        mqtt_url="mqtt://u:hush@h",
        admin_password="hush hush",
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.model_dump())


def test_the_journal_lies_in_the_data_directory_unless_told_otherwise(tmp_path: Path) -> None:
    assert (
        Settings.read(data_dir=tmp_path).journal == f"sqlite:///{tmp_path}/journal/journal.sqlite"
    )
    assert Settings.read(journal_url="sqlite:///j").journal == "sqlite:///j"


def test_data_of_an_ordinary_user_lies_below_his_own_directories(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/vedette")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_data_dir() == Path("/data/vedette")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", "/home/li")
    assert default_data_dir() == Path("/home/li/.local/share/vedette")
