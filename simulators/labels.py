"""Short Chinese labels of the measurands that the simulated county uses.

The catalogue of `domain` gives a measurand its official name, unit, range and period; an installer
writes something shorter on the box, and that is what stands here.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Label(NamedTuple):
    """`tag` is the measurand's part of a sensor tag."""

    tag: str
    name: str


LABELS: Final = {
    "GAS_LEL": Label("lel", "可燃气体探测器"),
    "GAS_O2": Label("o2", "氧气探测器"),
    "GAS_CO": Label("co", "一氧化碳探测器"),
    "GAS_H2S": Label("h2s", "硫化氢探测器"),
    "GAS_NH3": Label("nh3", "氨气探测器"),
    "GAS_HCL": Label("hcl", "氯化氢探测器"),
    "VALVE_POS": Label("valve", "紧急切断阀"),
    "FAN_STATE": Label("fan", "事故风机"),
    "DC_DP": Label("dp", "压差"),
    "DC_TIN": Label("tin", "进风口温度"),
    "DC_THOP": Label("thop", "灰斗温度"),
    "DC_CO": Label("co", "一氧化碳"),
    "DC_LOCK": Label("lock", "锁气卸灰阀"),
    "DC_FANI": Label("fani", "风机电流"),
    "WC_LVL": Label("lvl", "水箱水位"),
    "WC_FLOW": Label("flow", "循环水流量"),
    "WC_H2": Label("h2", "氢气"),
    "PW_P": Label("p", "有功功率"),
    "PW_E": Label("e", "正向有功电能"),
    "PW_UA": Label("ua", "A相电压"),
    "PW_IA": Label("ia", "A相电流"),
    "PW_IB": Label("ib", "B相电流"),
    "PW_IC": Label("ic", "C相电流"),
    "EF_RES": Label("res", "剩余电流"),
    "EF_TEMP": Label("temp", "接头温度"),
}

CIRCUITS: Final = {"TOTAL": "总进线", "PROD": "生产动力", "CTRL": "除尘与通风"}
"""Name of a circuit by its role."""
