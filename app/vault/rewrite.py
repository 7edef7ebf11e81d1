"""A model's answer with the vault's links in place of the upstream's. Pure but for the links' clock.

Nothing else of the answer changes, digit by digit: numbers that a reader of JSON would round stay as they
came. Pictures that stand in the answer as data stay there; they do not end.
"""

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson

from app.upstream.answer_pictures import answer_object, pictures_of, url_of
from app.vault.links import VaultLinks

WEB_ADDRESSES: Final = ("http://", "https://")


def with_our_links(body: bytes, job_id: UUID | str, links: VaultLinks) -> bytes:
    """The answer of the job that made the pictures, as it is told to teams that want the vault's links."""
    urls = _urls_in(body)
    if not any(url is not None and url.startswith(WEB_ADDRESSES) for url in urls):
        return body
    ours = [
        links.picture(job_id, place) if url is not None and url.startswith(WEB_ADDRESSES) else url
        for place, url in enumerate(urls)
    ]
    replaced = _replaced(body, urls, ours)
    # Else an address is written in another way than ours, or stands elsewhere in the answer, too.
    return replaced if _urls_in(replaced) == ours else _rewritten(body, ours)


def _replaced(body: bytes, urls: Sequence[str | None], ours: Sequence[str | None]) -> bytes:
    """The text with each address replaced where it stands as the `url` of something, one behind the other."""
    pieces, begin = [], 0
    for theirs, our in zip(urls, ours, strict=True):
        if theirs is None or our is None or theirs == our:
            continue
        found = re.compile(rb'("url"\s*:\s*)' + re.escape(orjson.dumps(theirs))).search(body, begin)
        if found is None:
            break
        pieces += [body[begin : found.end(1)], orjson.dumps(our)]
        begin = found.end()
    return b"".join([*pieces, body[begin:]])


def _rewritten(body: bytes, ours: Sequence[str | None]) -> bytes:
    """The answer taken apart and put together again."""
    answer = answer_object(body)
    for picture, our in zip(pictures_of(answer) or (), ours, strict=True):
        if our is not None:
            picture["url"] = our
    return orjson.dumps(answer)


def _urls_in(body: bytes) -> list[str | None]:
    return [url_of(picture) for picture in pictures_of(answer_object(body)) or ()]
