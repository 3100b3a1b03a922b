"""The registry in memory: an immutable snapshot of what is watched, with its look-ups.

`load_registry` reads it from the database; a copy goes to bytes and back, so that the service
starts and judges without the database. Changes are made by the functions of `store.assets`,
`store.gateways`, `store.sensors` and `store.limits`; afterwards one loads a new snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, Literal, Protocol, Self, TypeVar

import msgspec

from alerting import Configuration
from alerting.limits import GatewaySpec, Limit, SensorSpec
from domain.assets import Enterprise, Gateway, Region, Sensor, Site, Zone
from domain.catalogue import Measurand, catalogue
from domain.readings import MICROSECONDS
from store.database import Database
from store.registry_rows import RegistryRows, load_rows
from store.scope import ALL, Scope

__all__ = ["ALL", "Registry", "Scope", "ScopeKind", "load_registry"]

FORMAT: Final = 1
ScopeKind = Literal["all", "region", "enterprise", "site"]


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Named = TypeVar("Named", bound=_Identified)


class Registry:
    """Lookups are dicts by id; `..._of` give children by parent, in order of id.

    Attributes:
        regions, enterprises, sites, zones, gateways: by id.
        gateway_numbers: the same gateways by number, and removed ones (history names them).
        sensors: live sensors by id.
        former_sensors: removed sensors by id, as they last were.
        limits: by sensor id; a sensor without limits has no entry.
    """

    def __init__(self, rows: RegistryRows) -> None:
        self._rows = rows
        self.regions: Mapping[str, Region] = _by_id(rows.regions)
        self.enterprises: Mapping[str, Enterprise] = _by_id(rows.enterprises)
        self.sites: Mapping[str, Site] = _by_id(rows.sites)
        self.zones: Mapping[str, Zone] = _by_id(rows.zones)
        self.gateways: Mapping[str, Gateway] = _by_id(rows.gateways)
        self.gateway_numbers: Mapping[int, Gateway] = {
            gateway.number: gateway for gateway in (*rows.former_gateways, *rows.gateways)
        }
        self.sensors: Mapping[int, Sensor] = {sensor.id: sensor for sensor in rows.sensors}
        self.former_sensors: Mapping[int, Sensor] = {s.id: s for s in rows.former_sensors}
        self.limits: Mapping[int, tuple[Limit, ...]] = rows.limits
        self._children = _children(rows)

    @classmethod
    def empty(cls) -> Self:
        return cls(RegistryRows())

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode((FORMAT, self._rows))

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Undo `to_bytes`.

        Raises:
            ValueError: not a registry, or one of another version.
        """
        try:
            version, rows = msgspec.msgpack.decode(payload, type=tuple[int, msgspec.Raw])
            if version != FORMAT:
                raise ValueError(f"registry copy has format {version}, this version reads {FORMAT}")
            return cls(msgspec.msgpack.decode(rows, type=RegistryRows))
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a copy of a registry: {error}") from error

    # Children by parent.

    def regions_of(self, region: str | None) -> tuple[str, ...]:
        """Ids of the regions right below a region; None for the roots."""
        return self._of("region", region or "")

    def enterprises_of(self, region: str) -> tuple[str, ...]:
        return self._of("enterprise", region)

    def sites_of(self, enterprise: str) -> tuple[str, ...]:
        return self._of("site", enterprise)

    def sensors_of(self, gateway: str) -> tuple[Sensor, ...]:
        """Live sensors of a gateway, in order of id."""
        return self._children["sensor"].get(gateway, ())  # type: ignore[return-value]

    def _of(self, kind: str, parent: str) -> tuple[str, ...]:
        return self._children[kind].get(parent, ())  # type: ignore[return-value]

    # Upwards.

    def sensor(self, id_: int) -> Sensor | None:
        """A sensor, live or removed."""
        return self.sensors.get(id_) or self.former_sensors.get(id_)

    def site_of_gateway(self, number: int) -> Site | None:
        """Where a gateway stands or, removed, stood."""
        gateway = self.gateway_numbers.get(number)
        return None if gateway is None else self.sites.get(gateway.site)

    def enterprise_of_gateway(self, number: int) -> Enterprise | None:
        site = self.site_of_gateway(number)
        return None if site is None else self.enterprises.get(site.enterprise)

    # Scope.

    def scope_of(self, kind: ScopeKind, node: str | None) -> Scope:
        """What an account bound to a node may see now. An unknown node sees nothing."""
        match kind:
            case "all":
                return ALL
            case "region":
                below = self._regions_below(node or "")
                return Scope(
                    enterprises=frozenset(e for r in below for e in self.enterprises_of(r))
                )
            case "enterprise":
                return Scope(enterprises=frozenset({node or ""} & self.enterprises.keys()))
            case "site":
                return Scope(sites=frozenset({node or ""} & self.sites.keys()))

    def _regions_below(self, region: str) -> list[str]:
        found = [region] if region in self.regions else []
        for id_ in found:
            found.extend(self.regions_of(id_))
        return found

    def sees_site(self, scope: Scope, site: str) -> bool:
        if scope.everything:
            return True
        known = self.sites.get(site)
        return site in scope.sites or (known is not None and known.enterprise in scope.enterprises)

    def sees_enterprise(self, scope: Scope, enterprise: str) -> bool:
        """An enterprise is seen by who sees all of it, and by who sees one of its sites."""
        if scope.everything or enterprise in scope.enterprises:
            return True
        return any(site in scope.sites for site in self.sites_of(enterprise))

    def sees_gateway(self, scope: Scope, number: int) -> bool:
        gateway = self.gateway_numbers.get(number)
        return scope.everything or (gateway is not None and self.sees_site(scope, gateway.site))

    def sees_sensor(self, scope: Scope, sensor: int) -> bool:
        """Of a live sensor; the gateway of a removed one may have left its id to somebody else."""
        known = self.sensors.get(sensor)
        if scope.everything or known is None:
            return scope.everything
        return self.sees_site(scope, self.gateways[known.gateway].site)

    # For the judge.

    def configuration(self) -> Configuration:
        """What the fold needs to know of every live sensor and gateway."""
        known = catalogue()
        return Configuration(
            sensors={
                sensor.id: self._spec(sensor, known.get(sensor.measurand))
                for sensor in self.sensors.values()
            },
            gateways={
                gateway.number: GatewaySpec(
                    number=gateway.number, silence_us=round(gateway.silence_s * MICROSECONDS)
                )
                for gateway in self.gateways.values()
            },
        )

    def _spec(self, sensor: Sensor, measurand: Measurand | None) -> SensorSpec:
        low, high, class_, unit = sensor.range_low, sensor.range_high, "", sensor.unit
        if measurand is not None:
            low = measurand.range_low if low is None else low
            high = measurand.range_high if high is None else high
            class_, unit = measurand.class_, unit or measurand.unit
        return SensorSpec(
            id=sensor.id,
            gateway=self.gateways[sensor.gateway].number,
            period_us=round(sensor.period_s * MICROSECONDS),
            range_low=low,
            range_high=high,
            limits=self.limits.get(sensor.id, ()),
            priority_class=class_,
            unit=unit,
        )


def _by_id(rows: Iterable[Named]) -> dict[str, Named]:
    return {row.id: row for row in rows}


def _children(rows: RegistryRows) -> dict[str, dict[str, tuple[object, ...]]]:
    pairs: dict[str, Iterable[tuple[str, object]]] = {
        "region": ((row.parent or "", row.id) for row in rows.regions),
        "enterprise": ((row.region, row.id) for row in rows.enterprises),
        "site": ((row.enterprise, row.id) for row in rows.sites),
        "sensor": ((row.gateway, row) for row in rows.sensors),
    }
    return {kind: _grouped(found) for kind, found in pairs.items()}


def _grouped(pairs: Iterable[tuple[str, object]]) -> dict[str, tuple[object, ...]]:
    groups: dict[str, list[object]] = defaultdict(list)
    for parent, child in pairs:
        groups[parent].append(child)
    return {parent: tuple(children) for parent, children in groups.items()}


async def load_registry(database: Database) -> Registry:
    """The registry as it is in the database now."""
    return Registry(await load_rows(database))
