"""The registry: what people add, change and remove, and the snapshot everybody reads."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from alerting.limits import Level, Limit
from domain.assets import Enterprise, Gateway, Region, Sensor, Site, Zone
from domain.catalogue import catalogue
from store.assets import Asset, add_asset, remove_asset, update_asset
from store.audit import Actor, list_audit
from store.county import NewRegistry, add_registry
from store.database import Database
from store.gateways import (
    add_gateway,
    load_credentials,
    remove_gateway,
    set_credential,
    update_gateway,
)
from store.limits import (
    LimitDraft,
    check_limits,
    complete,
    default_limits,
    limit_changes,
    set_limits,
)
from store.refusals import Conflict, Invalid, NotFound
from store.registry import ALL, Registry, Scope, load_registry
from store.sensors import add_sensor, remove_sensor, update_sensor
from tests.store.conftest import Scene

T0 = 1_790_000_000_000_000
ALICE = Actor("alice", T0)
LATER = Actor("bob", T0 + 60_000_000)

COUNTY: list[Asset] = [
    Region(id="county", name="县", kind="county"),
    Region(id="east", name="城东镇", kind="town", parent="county"),
    Region(id="park", name="工业园", kind="park", parent="county"),
    Enterprise(id="mill", name="面粉厂", region="east", industry="food"),
    Enterprise(id="forge", name="锻造厂", region="park"),
    Site(id="mill-1", name="一号车间", enterprise="mill", latitude=33.4, longitude=117.6),
    Site(id="mill-2", name="二号车间", enterprise="mill"),
    Site(id="forge-1", name="锻造车间", enterprise="forge"),
    Zone(id="dc1", name="除尘器", site="mill-1", kind="collector"),
]
GAS = Sensor(id=0, gateway="gw1", tag="g01.lel", measurand="GAS_LEL", name="甲烷", zone="dc1")


def gateway(id_: str, site: str, **others: float) -> Gateway:
    return Gateway(id=id_, number=0, site=site, **others)  # type: ignore[arg-type]


def gas_limits() -> Mapping[Level, Limit]:
    return default_limits(catalogue()["GAS_LEL"])


async def county(database: Database) -> Registry:
    """Three sites, a gateway at two of them, one gas sensor."""
    for asset in COUNTY:
        await add_asset(database, asset, actor=ALICE)
    await add_gateway(database, gateway("gw1", "mill-1"), actor=ALICE)
    await add_gateway(database, gateway("gw2", "forge-1", silence_s=60), actor=ALICE)
    await add_sensor(database, GAS, gas_limits(), actor=ALICE)
    return await load_registry(database)


def test_the_snapshot_holds_what_was_added_with_its_tree(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        assert registry.regions_of(None) == ("county",)
        assert registry.regions_of("county") == ("east", "park")
        assert registry.enterprises_of("east") == ("mill",)
        assert registry.sites_of("mill") == ("mill-1", "mill-2")
        [sensor] = registry.sensors_of("gw1")
        assert (sensor.unit, sensor.range_low, sensor.range_high) == ("%LEL", 0, 100)
        assert [limit.level for limit in registry.limits[sensor.id]] == ["HH", "H"]
        number = registry.gateways["gw1"].number
        enterprise = registry.enterprise_of_gateway(number)
        assert enterprise is not None
        assert enterprise.id == "mill"

    scene(act)


def test_the_snapshot_goes_to_bytes_and_back(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        copy = Registry.from_bytes(registry.to_bytes())
        assert copy.to_bytes() == registry.to_bytes()
        assert copy.sensors == registry.sensors
        assert copy.limits == registry.limits

    scene(act)


@pytest.mark.parametrize("payload", [b"", b"\x92\x02\xc0", b"nonsense"])
def test_bytes_that_are_no_registry_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="registry"):
        Registry.from_bytes(payload)


def test_the_configuration_has_every_sensor_gateway_and_limit(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        configuration = registry.configuration()
        [spec] = configuration.sensors.values()
        assert spec.gateway == registry.gateways["gw1"].number
        assert spec.period_us == 60_000_000
        assert spec.limits == tuple(gas_limits().values())
        assert spec.priority_class == "gas"
        silences = {number: g.silence_us for number, g in configuration.gateways.items()}
        assert silences == {
            registry.gateways["gw1"].number: 300_000_000,
            registry.gateways["gw2"].number: 60_000_000,
        }

    scene(act)


def test_scopes_follow_the_tree(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        one, two = (registry.gateways[id_].number for id_ in ("gw1", "gw2"))
        [sensor] = registry.sensors
        everything = registry.scope_of("all", None)
        county_ = registry.scope_of("region", "county")
        park = registry.scope_of("region", "park")
        mill = registry.scope_of("enterprise", "mill")
        site = registry.scope_of("site", "mill-2")
        nobody = registry.scope_of("enterprise", "no-such")
        sees = [
            (
                registry.sees_gateway(s, one),
                registry.sees_gateway(s, two),
                registry.sees_sensor(s, sensor),
            )
            for s in (everything, county_, park, mill, site, nobody)
        ]
        assert sees == [
            (True, True, True),
            (True, True, True),
            (False, True, False),
            (True, False, True),
            (False, False, False),
            (False, False, False),
        ]
        assert nobody == Scope()
        assert registry.sees_enterprise(site, "mill")
        assert not registry.sees_enterprise(site, "forge")
        assert registry.sees_site(site, "mill-2")
        assert not registry.sees_sensor(county_, 999)

    scene(act)


@pytest.mark.parametrize(
    ("asset", "error"),
    [
        (Region(id="east", name="x", kind="town", parent="county"), Conflict),
        (Region(id="south", name="x", kind="town", parent="nowhere"), NotFound),
        (Enterprise(id="bad id", name="x", region="east"), Invalid),
        (Enterprise(id="new", name=" ", region="east"), Invalid),
        (Enterprise(id="new", name="a\nb", region="east"), Invalid),
        (Enterprise(id="new", name="x" * 201, region="east"), Invalid),
        (Site(id="new", name="x", enterprise="mill", latitude=91.0), Invalid),
    ],
)
def test_an_asset_that_cannot_be_is_refused(
    scene: Scene[None], asset: Asset, error: type[Exception]
) -> None:
    async def act(database: Database) -> None:
        await county(database)
        with pytest.raises(error):
            await add_asset(database, asset, actor=ALICE)

    scene(act)


def test_an_asset_with_children_is_not_removed_and_one_without_can_come_back(
    scene: Scene[None],
) -> None:
    async def act(database: Database) -> None:
        await county(database)
        with pytest.raises(Conflict, match="still has 2 sites"):
            await remove_asset(database, Enterprise, "mill", actor=ALICE)
        await remove_asset(database, Site, "mill-2", actor=ALICE)
        assert "mill-2" not in (await load_registry(database)).sites
        with pytest.raises(NotFound):
            await remove_asset(database, Site, "mill-2", actor=ALICE)
        await add_asset(database, Site(id="mill-2", name="重开", enterprise="forge"), actor=ALICE)
        assert (await load_registry(database)).sites["mill-2"].enterprise == "forge"

    scene(act)


def test_an_asset_is_updated_and_a_region_never_below_itself(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await county(database)
        moved = Enterprise(id="mill", name="新名", region="park")
        await update_asset(database, moved, actor=LATER)
        assert (await load_registry(database)).enterprises["mill"] == moved
        with pytest.raises(Invalid, match="below itself"):
            ring = Region(id="county", name="县", kind="county", parent="east")
            await update_asset(database, ring, actor=LATER)
        with pytest.raises(NotFound):
            await update_asset(database, Zone(id="none", name="x", site="mill-1"), actor=LATER)

    scene(act)


def test_a_removed_gateway_keeps_its_number_and_frees_its_id(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        old = registry.gateways["gw1"]
        with pytest.raises(Conflict):
            await add_gateway(database, gateway("gw1", "mill-1"), actor=ALICE)
        await remove_gateway(database, "gw1", actor=LATER)
        again = await add_gateway(database, gateway("gw1", "mill-2"), actor=LATER)
        assert again.number != old.number
        registry = await load_registry(database)
        assert registry.gateway_numbers[old.number] == old
        assert registry.sensors == {}
        [former] = registry.former_sensors.values()
        assert former.tag == "g01.lel"
        await remove_gateway(database, "gw1", actor=LATER)
        await add_gateway(database, gateway("gw1", "forge-1"), actor=LATER)
        registry = await load_registry(database)
        assert not registry.sees_sensor(registry.scope_of("enterprise", "forge"), former.id)
        with pytest.raises(NotFound):
            await remove_gateway(database, "gw9", actor=LATER)

    scene(act)


def test_gateways_are_checked_and_updated(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await county(database)
        await update_gateway(database, gateway("gw1", "mill-2", silence_s=10), actor=LATER)
        assert (await load_registry(database)).gateways["gw1"].silence_s == 10
        for wrong, error in (
            (gateway("gw1", "nowhere"), NotFound),
            (gateway("gw7", "mill-1"), NotFound),
            (gateway("gw1", "mill-1", silence_s=0), Invalid),
        ):
            with pytest.raises(error):
                await update_gateway(database, wrong, actor=LATER)

    scene(act)


def test_credentials_are_kept_as_given_and_barred(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await county(database)
        await set_credential(database, "gw1", "$2a$04$hash", actor=ALICE)
        await set_credential(database, "gw2", "$2a$04$other", actor=ALICE)
        assert await load_credentials(database) == {"gw1": "$2a$04$hash", "gw2": "$2a$04$other"}
        await set_credential(database, "gw2", None, actor=ALICE)
        assert await load_credentials(database) == {"gw1": "$2a$04$hash"}
        with pytest.raises(NotFound):
            await set_credential(database, "gw9", "x", actor=ALICE)
        assert "$2a" not in str(await list_audit(database))

    scene(act)


def test_a_sensor_that_moves_keeps_its_id_and_frees_its_address(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        [sensor] = registry.sensors.values()
        moved = Sensor(
            id=sensor.id, gateway="gw2", tag="g01.lel", measurand="GAS_LEL", range_high=60.0
        )
        await update_sensor(database, moved, actor=LATER)
        other = await add_sensor(database, GAS, {}, actor=LATER)
        registry = await load_registry(database)
        assert registry.sensors[sensor.id].gateway == "gw2"
        assert registry.sensors_of("gw1") == (other,)
        with pytest.raises(Conflict, match=r"g01\.lel"):
            await add_sensor(database, GAS, {}, actor=LATER)

    scene(act)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"measurand": "NO_SUCH"}, Invalid),
        ({"tag": ""}, Invalid),
        ({"tag": "a\tb"}, Invalid),
        ({"gateway": "gw9"}, NotFound),
        ({"zone": "nowhere"}, NotFound),
        ({"gateway": "gw2"}, NotFound),
        ({"unit": "ppm"}, Invalid),
        ({"range_low": 100.0}, Invalid),
        ({"range_high": float("inf")}, Invalid),
        ({"range_high": 40.0}, Invalid),
        ({"period_s": 0.0}, Invalid),
    ],
)
def test_a_sensor_that_cannot_be_is_refused(
    scene: Scene[None], change: dict[str, object], error: type[Exception]
) -> None:
    values: dict[str, object] = {
        "id": 0, "gateway": "gw1", "tag": "new", "measurand": "GAS_LEL", "zone": "dc1",
    }  # fmt: skip

    async def act(database: Database) -> None:
        await county(database)
        with pytest.raises(error):
            await add_sensor(
                database,
                Sensor(**values | change),  # type: ignore[arg-type]
                gas_limits(),
                actor=ALICE,
            )

    scene(act)


def test_sensor_updates_are_checked(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        [id_] = registry.sensors
        for wrong, error in (
            (Sensor(id=id_, gateway="gw1", tag="t", measurand="GAS_CO"), Invalid),
            (Sensor(id=id_, gateway="gw1", tag="t", measurand="GAS_LEL", range_high=30), Invalid),
            (Sensor(id=99, gateway="gw1", tag="t", measurand="GAS_LEL"), NotFound),
        ):
            with pytest.raises(error):
                await update_sensor(database, wrong, actor=LATER)
        await remove_sensor(database, id_, actor=LATER)
        with pytest.raises(NotFound):
            await remove_sensor(database, id_, actor=LATER)

    scene(act)


def test_limits_are_replaced_whole_and_the_change_is_on_record(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        registry = await county(database)
        [id_] = registry.sensors
        drafts: dict[Level, LimitDraft] = {"HH": LimitDraft(setpoint=40)}
        wanted = complete(drafts, gas_limits(), actor="bob")
        await set_limits(database, id_, wanted.values(), reason="附近有明火", actor=LATER)
        [limit] = (await load_registry(database)).limits[id_]
        assert (limit.setpoint, limit.deadband, limit.latch, limit.source) == (40, 2, True, "bob")
        newest, first = await limit_changes(database, ALL, id_)
        assert (newest.actor, newest.at, newest.reason) == ("bob", LATER.at, "附近有明火")
        assert [row["level"] for row in newest.before] == ["HH", "H"]
        assert [row["setpoint"] for row in newest.after] == [40]
        assert (first.reason, list(first.before)) == ("added", [])
        assert await limit_changes(database, ALL, id_, limit=1) == [newest]
        assert await limit_changes(database, ALL, id_, before=newest.id) == [first]
        assert await limit_changes(database, ALL, id_, before=first.id) == []
        for owner, seen in (("mill", 2), ("forge", 0)):
            scope = Scope(enterprises=frozenset({owner}))
            assert len(await limit_changes(database, scope, id_)) == seen
        with pytest.raises(NotFound):
            await set_limits(database, 99, [], reason="x", actor=LATER)
        narrow = msgspec.structs.replace(registry.sensors[id_], range_high=50)
        await update_sensor(database, narrow, actor=LATER)
        beyond = msgspec.structs.replace(limit, setpoint=60)
        with pytest.raises(Invalid, match="outside the sensor's range"):
            await set_limits(database, id_, [beyond], reason="x", actor=LATER)

    scene(act)


@pytest.mark.parametrize(
    ("drafts", "field"),
    [
        ({"HH": LimitDraft(setpoint=float("nan"))}, "limits.HH.setpoint"),
        ({"HH": LimitDraft(setpoint=101)}, "limits.HH.setpoint"),
        ({"HH": LimitDraft(setpoint=20), "H": LimitDraft(setpoint=20)}, "limits.HH.setpoint"),
        ({"H": LimitDraft(setpoint=20, deadband=-1)}, "limits.H.deadband"),
        ({"H": LimitDraft(setpoint=20, on_delay_s=-1)}, "limits.H.on_delay_s"),
        ({"H": LimitDraft(setpoint=20, off_delay_s=float("inf"))}, "limits.H.off_delay_s"),
        ({"H": LimitDraft(setpoint=20, source="a\x00")}, "limits.H.source"),
    ],
)
def test_limits_that_cannot_be_are_refused_with_their_path(
    drafts: dict[Level, LimitDraft], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        check_limits(complete(drafts, gas_limits(), actor="bob"), 0, 100)
    assert refusal.value.field == field


def test_limits_need_a_reason(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        with pytest.raises(Invalid, match="reason"):
            await set_limits(database, 1, [], reason=" ", actor=LATER)

    scene(act)


def test_a_whole_registry_is_added_or_nothing_of_it(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        regions = [asset for asset in COUNTY if isinstance(asset, Region)][::-1]
        new = NewRegistry(
            regions=regions,
            enterprises=[asset for asset in COUNTY if isinstance(asset, Enterprise)],
            sites=[asset for asset in COUNTY if isinstance(asset, Site)],
            zones=[asset for asset in COUNTY if isinstance(asset, Zone)],
            gateways=[gateway("gw1", "mill-1")],
            sensors=[(GAS, None)],
        )
        broken = NewRegistry(regions=regions, sensors=[(GAS, None)])
        with pytest.raises(NotFound, match="gw1"):
            await add_registry(database, broken, actor=ALICE)
        assert (await load_registry(database)).regions == {}
        await add_registry(database, new, actor=ALICE)
        registry = await load_registry(database)
        assert len(registry.limits) == len(registry.sensors) == 1

    scene(act)


def test_every_change_is_in_the_audit(scene: Scene[None]) -> None:
    async def act(database: Database) -> None:
        await county(database)
        await remove_asset(database, Site, "mill-2", actor=LATER)
        newest, *_ = await list_audit(database)
        assert (newest.actor, newest.at, newest.verb, newest.kind, newest.object) == (
            "bob", LATER.at, "remove", "site", "mill-2",
        )  # fmt: skip
        [added] = await list_audit(database, kind="gateway", object_="gw1")
        assert added.verb == "add"

    scene(act)
