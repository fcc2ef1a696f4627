"""OTLP/gRPC: the same intake behind the three services."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio

from percapita.telemetry.receive.access import Access
from percapita.telemetry.receive.bodies import packing
from percapita.telemetry.receive.checks import KINDS, Kind, answer
from percapita.telemetry.receive.intake import Intake
from percapita.telemetry.receive.refusals import BrokenError, Refusal

PROTOCOL: Final = "grpc"
_LOG: Final = logging.getLogger(__name__)
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_AT_ONCE: Final = 16
"""Requests of one connection that are read at a time; others wait at the sender."""
_ALL_AT_ONCE: Final = 256

Export = Callable[[bytes, Any], Awaitable[bytes]]


def server(intake: Intake, access: Access) -> grpc.aio.Server:
    """Return the server, without an address yet."""
    made = grpc.aio.server(
        maximum_concurrent_rpcs=_ALL_AT_ONCE,
        options=[
            ("grpc.max_receive_message_length", intake.limits.body),
            # The intake unpacks, within its bounds, and keeps what is packed as it is.
            ("grpc.per_message_decompression", 0),
            ("grpc.max_concurrent_streams", _AT_ONCE),
            ("grpc.so_reuseport", 0),
        ],
    )
    for kind in KINDS:
        service, _, name = kind.method[1:].rpartition("/")
        # Bodies stay bytes: the intake parses them.
        handler = grpc.unary_unary_rpc_method_handler(_export(kind, intake, access))
        made.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {name: handler}),)
        )
    return made


def _export(kind: Kind, intake: Intake, access: Access) -> Export:
    async def export(body: bytes, context: Any) -> bytes:  # noqa: ANN401 grpc's own is not typed
        try:
            told = dict(context.invocation_metadata() or ())
            access.check_token(str(told.get("authorization", "")))
            with intake.room() as room:
                room.reach(len(body))
                checked = await intake.take(
                    kind, body, room, protocol=PROTOCOL, encoding=packing(body)
                )
        except Refusal as refusal:
            intake.counters.refused[refusal.reason, PROTOCOL] += 1
            await _refuse(context, refusal)
            raise AssertionError from None
        except Exception:
            _LOG.exception("a request failed")
            await _refuse(context, BrokenError())
            raise
        packed: bytes = answer(kind, checked).SerializeToString()
        return packed

    return export


async def _refuse(context: Any, refusal: Refusal) -> None:  # noqa: ANN401 likewise
    details = (("grpc-status-details-bin", refusal.status()),)
    await context.abort(_CODES[refusal.code], refusal.message, details)
