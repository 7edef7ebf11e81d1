"""What a finished job has for OpenAI's callers: its pictures, or what the model said in their place."""

from base64 import b64encode

from app.dialects.fal_wire import ending_of
from app.dialects.openai_wire import picture_urls
from app.errors import RequestTimeout, UpstreamError
from app.gateway import Gateway
from app.jobs.job import JobView
from app.jobs.pictures import fetch_pictures
from app.upstream.answers import ModelAnswer


async def pictures_of(gateway: Gateway, view: JobView, *, wants_bytes: bool) -> list[str] | ModelAnswer:
    """The addresses of the pictures, or the pictures in Base64; the model's answer where it failed.

    Raises:
        RequestTimeout: the job has not ended.
        UpstreamError: there are no pictures, or one cannot be fetched.
        ClientCancelled, SubmitUnknown, UpstreamUnavailable: the job ended without an answer.
    """
    if not view.is_final:
        raise RequestTimeout(
            f"Job {view.id} goes on, but this request waits no longer. Do not send it again: read its result "
            f"at {gateway.public_url}/fal-ai/auto/requests/{view.id}.",
            job_id=view.id,
        )
    if view.answer is None:
        raise ending_of(view)
    if view.answer.status_code != 200:
        return view.answer
    urls = picture_urls(view.answer)
    if not urls:
        raise UpstreamError(f"The answer of job {view.id} holds no pictures.", job_id=view.id)
    if not wants_bytes:
        return urls
    pictures = await fetch_pictures(gateway.pictures, view, urls)
    return [b64encode(picture).decode() for picture in pictures]
