"""Telemetry over HTTP: the same message, judged the same way, with the gateway's own credential."""

from __future__ import annotations

import base64
import binascii

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import Json
from api.documented import answers
from api.edge import Edge, EdgeParts, address_of, bearer_of
from api.lists import GatewayId
from api.problems import FieldError, Problem
from api.tokens import hash_token
from domain.wire import MAX_BYTES, Cause, MalformedMessage, peek_sequence

router = APIRouter(tags=["telemetry"])


class ReceiptView(msgspec.Struct, frozen=True):
    """Every message of `boot` up to `stored` is durable or answered; null without `seq`."""

    boot: str | None
    stored: int | None
    ts: int


class RejectedView(msgspec.Struct, frozen=True):
    boot: str | None
    seq: int | None
    errors: list[FieldError]


class TelemetryAnswer(msgspec.Struct, frozen=True):
    """`rejected` is null when every reading could be used."""

    receipt: ReceiptView
    rejected: RejectedView | None


@router.post(
    "/telemetry/{gateway}",
    **answers(TelemetryAnswer, 401, 404, 413, 422, 429, 503),
    openapi_extra={
        "security": [{"basic": []}, {"bearer": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {
                        "ts": 1772669730000,
                        "boot": "b7",
                        "seq": 18231,
                        "readings": [{"s": "g03.lel", "v": 3.2}],
                    },
                }
            },
        },
    },
)
async def telemetry(
    gateway: GatewayId,
    request: Request,
    edge: EdgeParts,
    backfill: bool = False,  # noqa: FBT001, FBT002 - a query parameter
) -> Response:
    """One native JSON message; answered when it is durable."""
    await _check(edge, request, gateway)
    payload = await request.body()
    try:
        posted = await edge.live.post_telemetry(gateway, payload, backfill=backfill)
    except MalformedMessage as fault:
        raise _refused_whole(edge, gateway, payload, fault) from fault
    errors = [FieldError(path, reason) for path, reason in posted.errors]
    rejected = None
    if errors:
        boot, seq = peek_sequence(payload)
        rejected = RejectedView(boot, seq, errors)
    receipt = ReceiptView(posted.boot, posted.stored, edge.clock() // 1000)
    return Json(TelemetryAnswer(receipt, rejected))


def _refused_whole(edge: Edge, gateway: str, payload: bytes, fault: MalformedMessage) -> Problem:
    """The answer to a message of which nothing could be used; its `seq` is settled all the same."""
    boot, seq = peek_sequence(payload)
    known = edge.live.registry.gateways.get(gateway)
    heard = None if known is None else edge.live.gateway(known.number)
    through = heard.stored_through if heard and heard.boot == boot and seq else None
    oversize = fault.rejection.cause is Cause.OVERSIZE
    return Problem(
        "too_large" if oversize else "malformed_message",
        errors=[FieldError(fault.rejection.path, fault.rejection.reason)],
        message={
            "boot": boot,
            "seq": seq,
            "receipt": ReceiptView(boot, through, edge.clock() // 1000),
        },
        reason=MAX_BYTES >> 10 if oversize else fault.rejection.reason,
    )


async def _check(edge: Edge, request: Request, gateway: str) -> None:
    """Whether the sender is this gateway.

    Raises:
        Problem: it is not (401), and has been wrong too often (429); a right password passes.
    """
    secret = bearer_of(request)
    if secret is not None:
        token = edge.accounts.token(hash_token(secret), now=edge.clock())
        holder = None if token is None else edge.accounts.user(token.user)
        if token is not None and holder is not None and token.gateway == gateway:
            return
        raise _refused(gateway)
    username, password = _basic(request)
    if username == gateway and await edge.live.check_gateway_password(gateway, password):
        return
    wait = edge.lockout.telemetry_failed(address_of(request))
    if wait:
        raise Problem("locked_out", retry_after=wait, seconds=wait)
    raise _refused(gateway)


def _refused(gateway: str) -> Problem:
    headers = {"WWW-Authenticate": 'Basic realm="vedette"'}
    return Problem("wrong_gateway_password", headers=headers, gateway=gateway)


def _basic(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    username, _, password = text.partition(":")
    return username, password
