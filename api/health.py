"""How the service is: liveness, readiness and metrics for machines, parts in words for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import Response

from api.answers import Json, Texts, Time, encode, rfc3339
from api.documented import answers
from api.edge import Asking, EdgeParts
from api.own_health import figures_for

router = APIRouter(tags=["health"])
PartState = Literal["ok", "warn", "down"]
LAG_S: Final = 10.0
"""A store further behind than this is worth a word."""
LOW_MIB: Final = 1024


class HealthPart(msgspec.Struct, frozen=True):
    name: str
    state: PartState
    title: Texts
    text: Texts


class SystemHealth(msgspec.Struct, frozen=True):
    """`state` is the worst of the parts."""

    now: Time
    state: PartState
    version: str
    parts: list[HealthPart]


@router.get("/health", **answers(SystemHealth, 401))
async def health(ask: Asking) -> Response:
    """Each part of the service: how it is, in words; figures of the county for who sees it all."""
    figures = figures_for(ask.live, ask.scope)
    parts = [
        _database(figures),
        _broker(figures),
        _journal(figures),
        _judge(figures),
        losses_part(figures),
        standby_part(figures),
        retention_part(figures),
    ]
    order: tuple[PartState, ...] = ("ok", "warn", "down")
    worst = max((part.state for part in parts), key=order.index)
    now = rfc3339(ask.edge.clock())
    return Json(SystemHealth(now, worst, str(figures.get("version", "")), parts))


def _database(figures: dict[str, Any]) -> HealthPart:
    title = Texts("数据库", "Database")
    store, behind = figures["store"], figures["journal"]["lag_readings"]
    if not store["available"]:
        zh, en = "不可用；判断、实时画面和处置照常", "away; judging, live screens and acts go on"
        if behind is not None:
            zh, en = f"{zh}，{behind} 条读数待补存", f"{en}, {behind} readings wait to be stored"
        return HealthPart("store", "down", title, Texts(zh, en))
    lag = store["lag_s"]
    late = lag > LAG_S
    text = Texts(
        f"{'入库' if late else '正常，'}滞后 {lag:.1f} 秒",
        f"{'storing' if late else 'well,'} {lag:.1f} s behind",
    )
    return HealthPart("store", "warn" if late else "ok", title, text)


def _broker(figures: dict[str, Any]) -> HealthPart:
    title = Texts("消息代理", "Broker")
    broker = figures["broker"]
    if not broker["connected"]:
        zh, en = _why(broker.get("fault_texts", []))
        text = Texts(
            f"未连接{zh}，正在重连；网关会留存数据", f"not connected{en}; gateways hold their data"
        )
        return HealthPart("broker", "down", title, text)
    if not broker["listening"]:
        zh, en = _why(broker.get("fault_texts", []))
        text = Texts(f"已连接，正在补收积压{zh}", f"connected, catching up with its backlog{en}")
        return HealthPart("broker", "warn", title, text)
    return HealthPart("broker", "ok", title, Texts("已连接", "connected"))


def _journal(figures: dict[str, Any]) -> HealthPart:
    title = Texts("日志", "Journal")
    fault, free = figures["journal"].get("fault_text"), figures["journal"].get("free_mib")
    if fault is not None:
        zh, en = _why([fault])
        zh, en = (
            f"无法写入{zh}；未保存的报文不予确认",
            f"cannot be written{en}; nothing unsaved is acknowledged",
        )
        return HealthPart("journal", "down", title, Texts(zh, en))
    if figures["journal"].get("astray"):
        text = Texts(
            "文件在使用中被移走或删除：判断照常，但服务一旦停止，未入库的数据会丢失；请在停止前放回原处",
            "its file was moved or deleted while in use: judging goes on, but a stop loses what is "
            "not in the database; put it back before",
        )
        return HealthPart("journal", "down", title, text)
    if free is None:
        return HealthPart("journal", "ok", title, Texts("正常", "well"))
    state: PartState = "warn" if free < LOW_MIB else "ok"
    return HealthPart("journal", state, title, Texts(f"余量 {free} MiB", f"{free} MiB left"))


def _judge(figures: dict[str, Any]) -> HealthPart:
    title = Texts("判断", "Judging")
    if not figures["turning"]:
        zh, en = (
            "已 10 秒以上没有判断任何数据，不会有新报警",
            "nothing judged for over 10 s: no new alarms",
        )
        return HealthPart("judge", "down", title, Texts(zh, en))
    rate, delay = figures["readings_per_s"], figures.get("decision_ms_p50")
    zh, en = "正常", "well"
    if rate is not None:
        zh, en = f"每秒 {rate:.0f} 条读数", f"{rate:.0f} readings/s"
    if delay is not None:
        zh += f"，判断用时中位数 {delay:.1f} 毫秒"
        en += f", median {delay:.1f} ms from receipt to verdict"
    return HealthPart("judge", "ok", title, Texts(zh, en))


def losses_part(figures: dict[str, Any]) -> HealthPart:
    """What was found missing from history in the last 30 days."""
    title = Texts("历史完整性", "Completeness of history")
    holes = figures["journal"].get("holes", 0)
    set_aside = figures["store"].get("set_aside", 0)
    if not holes and not set_aside:
        return HealthPart("losses", "ok", title, Texts("近 30 天无缺失", "no loss in 30 days"))
    zh, en = [], []
    if holes:
        at = figures["journal"]["newest_hole_at"]
        zh.append(f"日志有 {holes} 段丢失（最近发现于 {at}），其中的读数和报警可能未入库")
        en.append(
            f"stretches of the journal lost: {holes} (newest found at {at}); readings and alarms "
            "in them may not be stored"
        )
    if set_aside:
        zh.append(f"数据库拒收 {set_aside} 条日志记录，原文已另存，见 journal_holes 表")
        en.append(
            f"entries the database refused: {set_aside}, kept whole beside, see table journal_holes"
        )
    text = Texts("近 30 天：" + "；".join(zh), "in 30 days: " + "; ".join(en))
    return HealthPart("losses", "warn", title, text)


_FILES: Final = {
    "checkpoint": Texts("判断状态", "state of judging"),
    "registry": Texts("设备台账", "registry"),
    "accounts": Texts("账户", "accounts"),
    "token": Texts("命令行令牌", "token of the command line"),
}


def standby_part(figures: dict[str, Any]) -> HealthPart:
    """Whether a start without the database would find what it needs."""
    title = Texts("备用副本", "Standby copy")
    faults: dict[str, str] = figures.get("standby", {}).get("faults", {})
    if not faults:
        return HealthPart("standby", "ok", title, Texts("正常", "well"))
    names = [_FILES.get(name, Texts(name, name)) for name in sorted(faults)]
    zh_why, en_why = _why(figures["standby"].get("fault_texts", {}).values())
    zh = "、".join(name.zh for name in names)
    en = ", ".join(name.en for name in names)
    text = Texts(
        f"无法写入：{zh}{zh_why}；数据库不可用时将无法以最新状态启动",
        f"cannot be written: {en}{en_why}; without the database a start would not be up to date",
    )
    return HealthPart("standby", "warn", title, text)


def retention_part(figures: dict[str, Any]) -> HealthPart:
    """Whether forgetting goes by this machine's clock."""
    title = Texts("历史清理", "Retention")
    ahead_s = figures.get("retention", {}).get("clock_ahead_s")
    if ahead_s is None:
        return HealthPart("retention", "ok", title, Texts("正常", "well"))
    days = ahead_s / 86_400
    text = Texts(
        f"不采信本机时钟：比已存数据所能证明的快 {days:.1f} 天，过期数据暂不清理；请校准时钟，"
        "若服务曾停运这么久则会自行追上",
        f"does not believe this machine's clock: it is {days:.1f} days ahead of what is stored, and "
        "nothing is forgotten by it; set it right, or wait if the service was down for so long",
    )
    return HealthPart("retention", "warn", title, text)


def _why(faults: Iterable[dict[str, str]]) -> tuple[str, str]:
    """Reasons in brackets, zh-CN and en; nothing where none is known."""
    known = sorted({(fault["zh-CN"], fault["en"]) for fault in faults})
    if not known:
        return "", ""
    return f"（{'；'.join(zh for zh, _ in known)}）", f" ({'; '.join(en for _, en in known)})"


def root_router(metrics: CollectorRegistry) -> APIRouter:
    """Liveness, readiness and metrics, at the root and without sign-in; probes may ask by HEAD."""
    root = APIRouter(tags=["health"])

    @root.head("/healthz", include_in_schema=False)
    @root.get("/healthz", responses={200: {"content": {"text/plain": {"example": "ok"}}}})
    async def healthz() -> Response:
        """The process answers."""
        return Response("ok\n", media_type="text/plain")

    @root.head("/readyz", include_in_schema=False)
    @root.get("/readyz")
    async def readyz(edge: EdgeParts) -> Response:
        """Whether this process should get traffic, and why not."""
        reasons = edge.live.unready()
        body = encode({"ready": not reasons, "reasons": reasons})
        return Json(body, status_code=503 if reasons else 200)

    @root.head("/metrics", include_in_schema=False)
    @root.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
    async def metrics_text() -> Response:
        """Prometheus text."""
        return Response(generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return root
