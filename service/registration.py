"""The registry as this process knows it, and its way into the engine and ingest.

A change is: read the registry from the database, keep the standby copy, and append what differs to
the journal as a program change. When `refresh` returns, the fold judges by it.

Ingest is told of a sensor once the fold knows it, and no longer once the registry does not: a
reading that stands in the journal before its sensor would be acknowledged, and then judged and
stored by nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import msgspec
import structlog

from alerting import Configuration, ProgramChange, compile_program
from domain.assets import Gateway
from domain.catalogue import catalogue
from domain.entries import Entry, EntryKind
from domain.wire import SensorRef
from ingest import GatewayTags
from service.spine import Spine
from service.standby import Standby, StandbyDamaged
from store.audit import Actor
from store.database import Database, DatabaseUnavailable, refusals
from store.gateways import load_credentials, set_credential
from store.registry import Registry, load_registry

log = structlog.get_logger(__name__)


class _Copy(msgspec.Struct, frozen=True):
    registry: bytes
    credentials: dict[str, str]


class NoRegistry(Exception):
    """The database is away, and there is no copy of the registry."""


class NotJudgeable(Exception):
    """The registry holds what no program can be made of; the fold goes on by what it has."""


class Registration:
    """One per process.

    Attributes:
        registry: the newest snapshot; replaced whole. `enforce` puts it in force.
        credentials: hash of each gateway's password.
    """

    def __init__(self, database: Database, standby: Standby, *, clock: Callable[[], int]) -> None:
        self._database = database
        self._standby = standby
        self._clock = clock
        self._changing = asyncio.Lock()
        self._tags: Mapping[str, GatewayTags] = {}
        self.registry = Registry.empty()
        self.credentials: Mapping[str, str] = MappingProxyType({})

    async def load(self) -> None:
        """Take the registry from the database and renew the standby copy.

        Raises:
            DatabaseUnavailable: it cannot be read; nothing has changed.
        """
        registry = await load_registry(self._database)
        credentials = await load_credentials(self._database)
        self._take(registry, credentials)
        copy = msgspec.msgpack.encode(_Copy(registry.to_bytes(), credentials))
        await asyncio.to_thread(self._standby.save_registry, copy)

    def load_copy(self) -> bool:
        """Take the standby copy instead; False when there is none that can be used.

        Raises:
            service.standby.StandbyNewer: a newer version wrote it.
        """
        try:
            data = self._standby.load_registry()
        except StandbyDamaged as error:
            log.error("standby.damaged", reason=str(error))
            return False
        if data is None:
            return False
        copy = msgspec.msgpack.decode(data, type=_Copy)
        self._take(Registry.from_bytes(copy.registry), copy.credentials)
        return True

    async def load_or_copy(self) -> None:
        """`load`, or the copy while the database is away or refuses.

        Raises:
            NoRegistry: there is neither.
        """
        try:
            with refusals():
                await self.load()
        except DatabaseUnavailable:
            if not self.load_copy():
                raise NoRegistry(
                    "the database is away and there is no copy of the registry; start PostgreSQL"
                ) from None

    def _take(self, registry: Registry, credentials: dict[str, str]) -> None:
        self.registry = registry
        self.credentials = MappingProxyType(credentials)

    def gateways(self) -> Iterable[Gateway]:
        """The live gateways."""
        return self.registry.gateways.values()

    def tags(self, gateway: str) -> GatewayTags | None:
        """A gateway's number and tags, for ingest: what registry and fold both know of it."""
        return self._tags.get(gateway)

    async def refresh(self, spine: Spine) -> None:
        """`load`, and make what changed live in the engine.

        Raises:
            DatabaseUnavailable: nothing has changed.
            store.journal.JournalUnavailable: the change could not be kept; call again.
        """
        async with self._changing:
            await self.load()
            await self.enforce(spine)

    async def enforce(self, spine: Spine) -> None:
        """Append what the fold's configuration lacks of the registry's; tell ingest the tags.

        Raises:
            NotJudgeable: the registry holds what no program can be made of.
            store.journal.JournalUnavailable: the change could not be kept; call again.
        """
        self._tell_ingest(spine.fold.configuration)  # what is gone, before the fold forgets it
        change = difference(
            spine.fold.configuration, self.registry.configuration(), at=self._clock()
        )
        if change is not None:
            # An entry that cannot be folded would end this process, and each after it.
            try:
                compile_program(change.applied_to(spine.fold.configuration))
            except ValueError as error:
                raise NotJudgeable(f"the registry cannot be judged by: {error}") from error
            await spine.decide(Entry(EntryKind.PROGRAM, change.to_bytes()))
            self._tell_ingest(spine.fold.configuration)  # what is new, once the fold knows it
            log.info(
                "program.changed",
                sensors=len(change.sensors),
                gateways=len(change.gateways),
                removed=len(change.removed_sensors) + len(change.removed_gateways),
            )

    def _tell_ingest(self, known: Configuration) -> None:
        self._tags = {
            gateway: GatewayTags(
                all_.number, {tag: ref for tag, ref in all_.tags.items() if ref.id in known.sensors}
            )
            for gateway, all_ in tags_of(self.registry).items()
            if all_.number in known.gateways
        }

    async def set_credential(self, gateway: str, hashed: str | None) -> None:
        """Keep the hash of a gateway's password; None takes it away."""
        actor = Actor("service", self._clock())
        await set_credential(self._database, gateway, hashed, actor=actor)
        async with self._changing:
            await self.load()


def difference(now: Configuration, wanted: Configuration, *, at: int) -> ProgramChange | None:
    """The change that turns one configuration into another, or None if they are equal."""
    change = ProgramChange(
        at=at,
        sensors=tuple(s for i, s in wanted.sensors.items() if now.sensors.get(i) != s),
        gateways=tuple(g for n, g in wanted.gateways.items() if now.gateways.get(n) != g),
        removed_sensors=tuple(i for i in now.sensors if i not in wanted.sensors),
        removed_gateways=tuple(n for n in now.gateways if n not in wanted.gateways),
        timing=None if now.timing == wanted.timing else wanted.timing,
    )
    empty = ProgramChange(at=at)
    return None if change == empty else change


def tags_of(registry: Registry) -> dict[str, GatewayTags]:
    """Each gateway's sensors by tag, with the names of states where the measurand has any."""
    known = catalogue()
    states = {code: measurand.state_numbers or None for code, measurand in known.items()}
    return {
        gateway.id: GatewayTags(
            gateway.number,
            {
                sensor.tag: SensorRef(sensor.id, states.get(sensor.measurand))
                for sensor in registry.sensors_of(gateway.id)
            },
        )
        for gateway in registry.gateways.values()
    }
