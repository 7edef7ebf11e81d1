"""Reports as answers: JSON, or a CSV file that is sent while it is made."""

from collections.abc import AsyncIterator

import orjson
from starlette.responses import Response, StreamingResponse

from app.audit.usage_report import UsageQuestion
from app.dialects.begun import begun
from app.dialects.error_responses import JSON_TYPE

CSV_TYPE = "text/csv; charset=utf-8; header=present"
NOT_STORED = {"cache-control": "no-store"}


def json_answer(document: object) -> Response:
    """A document that belongs to whoever asked for it, and to no cache."""
    return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), headers=NOT_STORED, media_type=JSON_TYPE)


async def csv_answer(pieces: AsyncIterator[bytes], question: UsageQuestion) -> Response:
    """The pieces as one file."""
    body = await begun(pieces)
    starts_at, ends_at = question.period.starts_at, question.period.ends_at
    name = f"usage_{starts_at:%Y-%m-%d}_{ends_at:%Y-%m-%d}.csv"
    headers = {**NOT_STORED, "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(body, headers=headers, media_type=CSV_TYPE)
