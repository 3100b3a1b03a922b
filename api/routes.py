"""Every route of `/api/v1`, in the order the documentation shows them."""

from __future__ import annotations

from fastapi import APIRouter

from api import (
    acts,
    alarms,
    catalogue,
    enterprises,
    gateways,
    health,
    limits,
    readings,
    regions,
    sensors,
    sign_in,
    sites,
    stats,
    stream,
    telemetry,
    zones,
)

PREFIX = "/api/v1"


def api_router() -> APIRouter:
    router = APIRouter(prefix=PREFIX)
    for module in (
        sign_in,
        alarms,
        acts,
        stream,
        regions,
        enterprises,
        sites,
        zones,
        gateways,
        sensors,
        limits,
        readings,
        catalogue,
        stats,
        health,
        telemetry,
    ):
        router.include_router(module.router)
    return router
