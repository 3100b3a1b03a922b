"""What is kept while it cannot take effect is called kept, not undone."""

from __future__ import annotations

import httpx

from tests.api.small_house import House
from tests.api.visits import Visit


async def has_limits(client: httpx.AsyncClient, sensor: int, setpoint: float) -> bool:
    limits = (await client.get(f"sensors/{sensor}/limits")).json()["limits"]
    return [limit["setpoint"] for limit in limits.values()] == [setpoint]


def test_while_the_journal_keeps_nothing_the_registry_still_does_and_says_so(visit: Visit) -> None:
    async def act(house: House) -> None:
        async with house.signed_in("admin") as admin:
            [sensor] = (await admin.get("sensors", params={"gateway": "gw-a"})).json()["items"]
            await house.journal.close()

            made = await admin.post("gateways", json={"id": "gw-c", "site": "alpha-1"})
            assert made.status_code == 201
            assert made.json()["mqtt"]["password"]
            body = {"gateway": "gw-c", "tag": "lel", "measurand": "GAS_LEL"}
            assert (await admin.post("sensors", json=body)).status_code == 201

            path = f"sensors/{sensor['id']}"
            stricter = {"limits": {"HH": {"setpoint": 44}}, "reason": "hot work"}
            changed = await admin.put(f"{path}/limits", json=stricter)
            assert changed.status_code == 503
            assert changed.json()["type"] == "urn:vedette:problem:kept_not_in_force"
            assert "kept" in changed.json()["title"].lower()
            assert changed.headers["retry-after"]
            assert await has_limits(admin, sensor["id"], 44)

            chinese = await admin.patch(
                path, json={"name": "新名"}, headers={"Accept-Language": "zh-CN"}
            )
            assert "已保存" in chinese.json()["detail"]

            removed = await admin.delete("gateways/gw-a")
            assert removed.json()["type"] == "urn:vedette:problem:kept_not_in_force"
            assert "gw-a" not in house.secrets
            assert (await admin.get("gateways/gw-a")).status_code == 404

    visit(act)
