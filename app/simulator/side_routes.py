"""What is not the protocol: pictures, a page of help, and a look inside for tests."""

from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.simulator import directives
from app.simulator.answers import answer, failure
from app.simulator.courier import Courier
from app.simulator.gallery import Gallery
from app.simulator.lanes import Job
from app.simulator.world import World

NOBODY = "00000000-0000-4000-8000-000000000000"


class SideRoutes:
    """Routes that need no key: pictures are found by the id of their job alone, as at fal."""

    def __init__(self, world: World, gallery: Gallery, courier: Courier) -> None:
        self._world = world
        self._gallery = gallery
        self._courier = courier

    def routes(self) -> list[Route]:
        """The routes, all of them on paths that no model has."""
        return [
            Route("/", self.help, methods=["GET"]),
            Route("/files/{job_id}/{number:int}.{image_format}", self.picture, methods=["GET"]),
            Route("/.well-known/jwks.json", self.web_keys, methods=["GET"]),
            Route("/_simulator/accepted", self.accepted, methods=["GET"]),
            Route("/_simulator/reset", self.reset, methods=["POST"]),
        ]

    async def help(self, _request: Request) -> Response:
        """Tells what this server is and what a prompt can ask of it."""
        options = self._world.options
        head = (
            "A simulated upstream: fal's queue protocol, with pictures that cost nothing.\n"
            f"Profile {options.profile}, {options.concurrency} jobs at once, "
            f"{options.run_seconds:g} s for an image of fal-ai/flux-1/dev.\n\n"
        )
        return PlainTextResponse(head + (directives.__doc__ or ""))

    async def picture(self, request: Request) -> Response:
        """One image of a job that has succeeded."""
        job = self._world.jobs.get(request.path_params["job_id"])
        number, image_format = request.path_params["number"], request.path_params["image_format"]
        if job is None or image_format not in ("jpeg", "png") or number >= job.order.asked.num_images:
            raise HTTPException(404)
        if job.state(self._world.now()) != "COMPLETED" or failure(job) is not None:
            raise HTTPException(404)
        return Response(
            await self._gallery.picture(job, number, image_format),
            media_type=f"image/{image_format}",
            headers={
                "x-fal-request-id": job.id,
                "cache-control": "public, max-age=86400",
                "access-control-allow-origin": "*",
            },
        )

    async def web_keys(self, _request: Request) -> Response:
        """The keys by which the receiver of a webhook recognises it."""
        self._world.calls["web_keys"] += 1
        return answer(self._courier.seal.published(), request_id=NOBODY)

    async def accepted(self, _request: Request) -> Response:
        """Every job that was accepted and every call that was made, in all and by job."""
        jobs = self._world.jobs.values()
        body = {"accepted": [_describe(job) for job in jobs], "counts": self._world.calls}
        return answer(body, request_id=NOBODY)

    async def reset(self, _request: Request) -> Response:
        """Forgets all jobs and counts."""
        self._courier.drop_all()
        self._world.reset()
        return Response(status_code=204)


def _describe(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "path": job.path,
        "body": job.body,
        "headers": job.headers,
        "at": datetime.fromtimestamp(job.accepted_at, UTC).isoformat(),
        "cancelled": job.cancelled_at is not None,
        "webhook": job.webhook,
        "webhook_tries": job.webhook_tries,
        "fetches": job.fetches,
        "counts": job.calls,
    }
