"""What kinds of firms the county has, and which points each kind carries.

The numbers of points follow the sizing of docs/simulator.md: per 100 sites 60 firms and 40 LPG
restaurants; 600 gas points and 90 dust collectors of 5 points in the firms, 10 power points a
firm, 3 points a restaurant. A profile is data; `county` turns it into assets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Shift = Literal["day", "two", "continuous"]


@dataclass(frozen=True, slots=True)
class GasZone:
    """A room or yard whose detectors share air: its name, kind and detectors by measurand."""

    name: str
    kind: str
    detectors: tuple[str, ...]
    valve: bool = False
    fan: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """One line of business.

    Attributes:
        industry: code of the enterprise's industry.
        site_kind: code of the site's kind.
        business: end of the firm's name.
        regions: ids of the regions such firms settle in.
        gas: gas zones.
        collector: "dry" or "wet" for firms with combustible dust, else None.
        collector_line: what the collectors stand beside.
        shift: when the firm works.
        rated_kw: size of its supply.
    """

    industry: str
    site_kind: str
    business: str
    regions: tuple[str, ...]
    gas: tuple[GasZone, ...]
    shift: Shift
    rated_kw: float
    collector: Literal["dry", "wet"] | None = None
    collector_line: str = ""


def _twenty_points(toxic: str, *, tanks: str, hall: str, store: str) -> tuple[GasZone, ...]:
    """Three zones with together 20 gas points: 16 detectors, two valves, two fans."""
    return (
        GasZone(tanks, "tank_area", ("GAS_LEL",) * 4 + (toxic,), valve=True, fan=True),
        GasZone(hall, "workshop", ("GAS_LEL",) * 3 + (toxic,) * 2 + ("GAS_O2",), fan=True),
        GasZone(store, "store", ("GAS_LEL",) * 3 + (toxic, "GAS_O2"), valve=True),
    )


GAS_FIRMS: Final = (
    Profile("chemical", "major_hazard", "化工有限公司", ("huagongyuan",),
            _twenty_points("GAS_NH3", tanks="原料罐区", hall="合成车间", store="成品库"), "continuous", 1600),
    Profile("oil_gas_storage", "oil_gas_storage", "油气储运有限公司", ("huagongyuan", "liuhe"),
            _twenty_points("GAS_H2S", tanks="储罐区", hall="压缩机房", store="装卸站台"), "continuous", 800),
    Profile("gas", "gas_station", "燃气有限公司", ("kaifaqu", "chengguan"),
            _twenty_points("GAS_CO", tanks="门站调压区", hall="计量间", store="气瓶充装间"), "continuous", 500),
    Profile("cold_storage", "cold_storage", "冷链食品有限公司", ("kaifaqu", "baisha"),
            _twenty_points("GAS_NH3", tanks="制冷机房", hall="加工车间", store="低温库"), "continuous", 900),
    Profile("pharma", "major_hazard", "医药科技有限公司", ("huagongyuan", "kaifaqu"),
            _twenty_points("GAS_HCL", tanks="溶剂罐区", hall="反应车间", store="危化品库"), "two", 1200),
    Profile("foundry", "foundry", "铸造有限公司", ("shiqiao", "daying"),
            _twenty_points("GAS_CO", tanks="煤气站", hall="熔炼车间", store="烘干窑"), "continuous", 2500),
)  # fmt: skip
"""Firms of 20 gas points each."""

_OVEN: Final = GasZone("烘干房", "boiler_room", ("GAS_LEL", "GAS_LEL", "GAS_CO"))
_BOILER: Final = GasZone("锅炉房", "boiler_room", ("GAS_LEL", "GAS_LEL", "GAS_CO"), valve=True)

DUST_FIRMS: Final = (
    Profile("metal_dust", "dust", "轮毂制造有限公司", ("kaifaqu", "shiqiao"), (_OVEN,), "two", 1500,
            "wet", "抛光线"),
    Profile("wood_dust", "dust", "家具有限公司", ("jiajuyuan", "shuangta"), (_OVEN,), "day", 600,
            "dry", "砂光线"),
    Profile("grain_dust", "dust", "饲料有限公司", ("liuhe", "baisha"), (_BOILER,), "two", 900,
            "dry", "粉碎线"),
    Profile("metal_dust", "dust", "五金制品有限公司", ("shiqiao", "daying"), (_OVEN,), "continuous", 700,
            "dry", "打磨线"),
    Profile("wood_dust", "dust", "木业有限公司", ("jiajuyuan", "qingshan"), (_OVEN,), "continuous", 800,
            "dry", "热压线"),
    Profile("grain_dust", "dust", "面粉有限公司", ("daying", "liuhe"), (_BOILER,), "continuous", 1100,
            "dry", "制粉线"),
)  # fmt: skip
"""Firms with two or three dust collectors and a small gas room."""

RESTAURANT: Final = Profile(
    "catering",
    "catering",
    "",
    ("chengguan", "liuhe", "shiqiao", "baisha", "shuangta", "daying"),
    (GasZone("后厨", "kitchen", ("GAS_LEL", "GAS_LEL"), valve=True),),
    "day",
    20,
)
"""A kitchen on bottled gas: two detectors and a cut-off valve; no power points."""

PATTERN: Final = ("gas", "dust", "dust", "gas", "dust")
"""Of five firms two are gas firms and three dust firms."""

COLLECTOR_POINTS: Final = {
    "dry": ("DC_DP", "DC_TIN", "DC_THOP", "DC_CO", "DC_LOCK"),
    "wet": ("DC_DP", "DC_FANI", "WC_LVL", "WC_FLOW", "WC_H2"),
}

POWER_POINTS: Final = (
    ("TOTAL", "PW_P"), ("TOTAL", "PW_E"), ("TOTAL", "PW_UA"), ("TOTAL", "PW_IA"),
    ("TOTAL", "PW_IB"), ("TOTAL", "PW_IC"), ("PROD", "PW_P"), ("CTRL", "PW_P"),
    ("TOTAL", "EF_RES"), ("TOTAL", "EF_TEMP"),
)  # fmt: skip
"""(circuit role, measurand) of the ten power points of a firm."""
