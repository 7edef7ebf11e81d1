"""The queue protocol: submit, status, result and cancel, each with the troubles its prompt asks for."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route as Path

from app.simulator.answers import (
    answer,
    failure,
    not_found,
    refusal,
    result_failure,
    result_success,
    status_body,
)
from app.simulator.bodies import invalid_answer, open_headers, read_object
from app.simulator.connections import ClosedConnection
from app.simulator.courier import Courier
from app.simulator.directives import Route, Trouble
from app.simulator.gallery import Gallery
from app.simulator.lanes import Job
from app.simulator.status_stream import stream_changes
from app.simulator.world import World

QUICKROUTER_URLS = "https://queue.fal.run"
JOB = "/{app:path}/requests/{job_id}"


class QueueRoutes:
    """The routes of fal's queue, or the part of them that QuickRouter has."""

    def __init__(self, world: World, gallery: Gallery, courier: Courier) -> None:
        self._world = world
        self._gallery = gallery
        self._courier = courier

    def routes(self) -> list[Path]:
        """The routes of the profile, the narrow ones first."""
        result = [
            Path(JOB, self.result, methods=["GET"]),
            Path(f"{JOB}/response", self.result, methods=["GET"]),
        ]
        submit = Path("/{model:path}", self.submit, methods=["POST"])
        if self._world.options.profile == "quickrouter":
            return [*result, submit]
        return [
            Path(f"{JOB}/status", self.status, methods=["GET"]),
            Path(f"{JOB}/status/stream", self.stream, methods=["GET"]),
            Path(f"{JOB}/cancel", self.cancel, methods=["PUT"]),
            *result,
            submit,
        ]

    async def submit(self, request: Request) -> Response:
        """Accepts a job, or refuses it."""
        self._admit(request, "submit")
        model = str(request.path_params["model"])
        if "/" not in model.strip("/") or "/requests/" in model:
            raise HTTPException(404)
        try:
            body = read_object(await request.body())
            job_id, order = self._world.order(model, body)
        except ValidationError as error:
            return invalid_answer(error)
        trouble = self._world.next_trouble("submit", order, key=order.asked.prompt)
        if trouble is not None and not trouble.accepted:
            return self._refuse(trouble)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        job = self._world.accept(
            job_id,
            order,
            path=path,
            body=body,
            headers=open_headers(request.headers),
            base_url=str(request.base_url),
            webhook=self._webhook(request),
        )
        job.calls["submit"] += 1
        self._courier.take_on(job)
        if job.webhook is not None and order.directives.webhook.is_early:
            await self._courier.tell(job)
        return await self._suffer(trouble, request, lambda: self._accepted(request, job))

    async def status(self, request: Request) -> Response:
        """Tells where a job stands: 202 until it is completed, then 200."""
        self._admit(request, "status")
        return await self._about_job(request, "status", self._status)

    async def result(self, request: Request) -> Response:
        """Gives what the model made, or how it failed."""
        self._admit(request, "result")
        return await self._about_job(request, "result", self._result)

    async def cancel(self, request: Request) -> Response:
        """Stops a job, if it is not too late."""
        self._admit(request, "cancel")
        return await self._about_job(request, "cancel", self._cancel)

    async def stream(self, request: Request) -> Response:
        """Sends the status whenever it changes, until the job is completed."""
        self._admit(request, "stream")
        job = self._find(request)
        if job is None:
            return not_found(request.path_params["job_id"])
        job.calls["stream"] += 1
        events = stream_changes(lambda: self._status_body(request, job))
        return StreamingResponse(
            events,
            media_type="text/event-stream",
            headers={"x-fal-request-id": job.id, "cache-control": "no-store"},
        )

    def _admit(self, request: Request, call: str) -> None:
        self._world.calls[call] += 1
        key = self._world.options.key
        if key is None:
            return
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        presented = credential.strip().encode()
        if scheme.lower() not in ("key", "bearer") or not secrets.compare_digest(presented, key.encode()):
            raise HTTPException(401)

    def _webhook(self, request: Request) -> str | None:
        """QuickRouter knows of no webhooks."""
        if self._world.options.profile == "quickrouter":
            return None
        return request.query_params.get("fal_webhook")

    def _find(self, request: Request) -> Job | None:
        job = self._world.jobs.get(request.path_params["job_id"])
        if job is None or job.order.directives.lost:
            return None
        apps = {job.order.app, job.order.model}
        if self._world.options.profile == "quickrouter":
            apps.add("fal-ai/auto")
        return job if request.path_params["app"] in apps else None

    async def _about_job(
        self, request: Request, route: Route, respond: Callable[[Request, Job], Awaitable[Response]]
    ) -> Response:
        job = self._find(request)
        if job is None:
            return not_found(request.path_params["job_id"])
        job.calls[route] += 1
        trouble = self._world.next_trouble(route, job.order, key=job.id)
        return await self._suffer(trouble, request, lambda: respond(request, job))

    async def _suffer(
        self, trouble: Trouble | None, request: Request, respond: Callable[[], Awaitable[Response]]
    ) -> Response:
        if trouble is None:
            return await respond()
        if trouble.kind == "reset":
            return ClosedConnection(request)
        if trouble.kind == "garbage":
            return HTMLResponse("<html><body><h1>Bad gateway</h1><p>Not what you expected.</p></body></html>")
        if trouble.kind == "status":
            return self._refuse(trouble)
        await asyncio.sleep(trouble.seconds)
        return await respond()

    def _refuse(self, trouble: Trouble) -> Response:
        profile = self._world.options.profile
        return refusal(trouble.status, profile=profile, retry_after=trouble.retry_after)

    async def _accepted(self, request: Request, job: Job) -> Response:
        body: dict[str, Any] = {
            "status": "IN_QUEUE",
            "request_id": job.id,
            **self._urls(request, job),
            "logs": None,
            "metrics": {},
            "queue_position": self._world.position(job) if job.started_at is None else 0,
        }
        return answer(body, request_id=job.id)

    async def _status(self, request: Request, job: Job) -> Response:
        body = self._status_body(request, job)
        return answer(body, 200 if body["status"] == "COMPLETED" else 202, request_id=job.id)

    async def _result(self, request: Request, job: Job) -> Response:
        if job.state(self._world.now()) != "COMPLETED":
            return answer({"detail": "Request is still in progress"}, 400, request_id=job.id)
        failed = failure(job)
        if failed is not None:
            return result_failure(job, failed)
        return result_success(job, await self._gallery.addresses(job, str(request.base_url)))

    async def _cancel(self, _request: Request, job: Job) -> Response:
        state = job.state(self._world.now())
        if state == "COMPLETED":
            return answer({"status": "ALREADY_COMPLETED"}, 400, request_id=job.id)
        if state == "IN_QUEUE" or not job.order.directives.stubborn:
            self._world.cancel(job)
        if state == "IN_QUEUE":
            return answer({"status": "OK"}, request_id=job.id)
        return answer({"status": "CANCELLATION_REQUESTED"}, 202, request_id=job.id)

    def _status_body(self, request: Request, job: Job) -> dict[str, Any]:
        now = self._world.now()
        return status_body(
            job,
            now=now,
            position=self._world.position(job),
            logs=request.query_params.get("logs", "").lower() in ("1", "true"),
            urls=self._urls(request, job),
        )

    def _urls(self, request: Request, job: Job) -> dict[str, str]:
        own = str(request.base_url).rstrip("/")
        base = QUICKROUTER_URLS if self._world.options.profile == "quickrouter" else own
        url = f"{base}/{job.order.app}/requests/{job.id}"
        return {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
