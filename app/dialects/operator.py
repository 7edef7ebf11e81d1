"""Routes for those who run the gateway: alive, ready, metrics."""

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dialects.access import gateway_of
from app.dialects.error_responses import JSON_TYPE
from app.errors import StorageUnavailable
from app.gateway import Gateway
from app.operations.health import PartState, Readiness, readiness
from app.work.standing import standing_of

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["operations"])


@router.get("/livez")
async def alive() -> dict[str, str]:
    """Whether the process answers at all; touches nothing."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Whether requests should be sent here, with the state of each part; 503 when not.

    Jobs that are held are counted beside that: they make nobody less ready. Where PostgreSQL does not answer
    it is not asked for them as well, since whoever looks whether a process is ready waits a few seconds only.
    """
    gateway = gateway_of(request)
    found = await readiness_of(gateway)
    body = {
        "status": "ready" if found.is_ready else "not ready",
        "parts": dict(found.parts),
        "held_jobs": await _held(gateway) if found.parts["postgres"] is PartState.OK else None,
    }
    return Response(orjson.dumps(body), 200 if found.is_ready else 503, media_type=JSON_TYPE)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' text format; the numbers from the tables are missing while PostgreSQL is."""
    gateway = gateway_of(request)
    standing = await standing_of(
        gateway.database, gateway.speed, gateway.jobs, gateway.vault, gateway.workers
    )
    return Response(gateway.metrics.page(standing), media_type=METRICS_TYPE)


async def _held(gateway: Gateway) -> dict[str, int] | None:
    """How many jobs are held, by state; None where PostgreSQL does not tell."""
    try:
        return await gateway.jobs.repository.count_held()
    except StorageUnavailable:
        return None


async def readiness_of(gateway: Gateway) -> Readiness:
    """How the parts of this process are."""
    workers = gateway.workers
    return await readiness(
        gateway.database,
        gateway.speed,
        has_worker=workers is not None,
        worker_ticked_at=workers.follower.ticked_at if workers else None,
        is_vault_well=gateway.vault.store.is_well,
    )
