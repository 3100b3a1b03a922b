"""Who plays in `vedette simulate`: a county's gateways, the broker they speak to, and their logins."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import msgspec

from service import control
from service.brokers import WrongBrokerUrl, check_authorities
from service.commands.base import fail, failing_on
from service.county import UNREGISTERED, Played, county_file
from service.settings import Settings
from simulators.broker import NO_LOGIN, Broker, Login, login_in
from simulators.county import County, county_registry


@dataclass(frozen=True, slots=True)
class Cast:
    """`one_for_all`: the login of every gateway; None: each has its own, or none at all."""

    county: County
    broker: Broker
    passwords: dict[str, str]
    one_for_all: Login | None

    def login(self, gateway: str) -> Login:
        password = self.passwords.get(gateway)
        own = NO_LOGIN if password is None else Login(gateway, password)
        return own if self.one_for_all is None else self.one_for_all


def cast_of(
    chosen: Settings, *, county: Path | None, gateways: int | None, broker: str | None
) -> Cast:
    """The cast that was asked for; what is lacking ends the command (2).

    Args:
        chosen: data directory, and the authorities of mqtts brokers.
        county: its file; None: that of the demo.
        gateways: only the first so many; None: all.
        broker: its URL; None: that of the running service.
    """
    played = _played(chosen.data_dir, county, anywhere=_is_elsewhere(broker, chosen.data_dir))
    url = broker or _running_broker(chosen.data_dir)
    with failing_on(WrongBrokerUrl, code=2):
        check_authorities(chosen.mqtt_ca_file)
    try:
        address, one_for_all = Broker.from_url(url, ca_file=chosen.mqtt_ca_file), login_in(url)
    except (OSError, ValueError) as error:
        fail(str(error), code=2)
    whole = county_registry(played.seed, played.sites)
    return Cast(_first(whole, gateways), address, played.passwords, one_for_all)


def _played(data_dir: Path, given: Path | None, *, anywhere: bool) -> Played:
    """The county of the file; where the demo left none, `anywhere` makes its county do."""
    path = given or county_file(data_dir)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Played)
    except FileNotFoundError:
        if given is None and anywhere:
            return UNREGISTERED
        fail(
            f"{path} is not there: run `vedette demo` once, which registers the county, or name "
            "a broker with --broker mqtt://host:port",
            code=2,
        )
    except (OSError, msgspec.DecodeError) as error:
        fail(f"{path} cannot be read: {error}", code=2)


def _is_elsewhere(broker: str | None, data_dir: Path) -> bool:
    """Whether a broker was named that is not the running service's, which knows its gateways."""
    try:
        return broker not in {None, control.find(data_dir).mqtt_url}
    except control.NoService:
        return broker is not None


def _running_broker(data_dir: Path) -> str:
    try:
        return control.find(data_dir).mqtt_url
    except control.NoService as error:
        fail(f"{error}; or name a broker with --broker mqtt://host:port", code=2)


def _first(county: County, gateways: int | None) -> County:
    """The county with only its first so many gateways."""
    if gateways is None:
        return county
    played = county.gateways[:gateways]
    ids = {gateway.id for gateway in played}
    sensors = tuple(sensor for sensor in county.sensors if sensor.gateway in ids)
    return dataclasses.replace(county, gateways=played, sensors=sensors)
