"""The model's answer as teams are told it that want the vault's links in it."""

import asyncio

from app.gateway import Gateway
from app.jobs.job import JobView
from app.upstream.answer_pictures import LARGE_BYTES
from app.upstream.answers import ModelAnswer


async def told_answer(gateway: Gateway, view: JobView) -> ModelAnswer | None:
    """The answer with our links; all others are told it to the byte, and do not come here."""
    if view.answer is None:
        return None
    made_by = view.source_job_id or view.id
    if len(view.answer.body) <= LARGE_BYTES:
        return gateway.vault.name_our_links(view.answer, made_by)
    return await asyncio.to_thread(gateway.vault.name_our_links, view.answer, made_by)
