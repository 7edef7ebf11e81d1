from typing import Any

import pytest

from app.upstream.answer_pictures import answer_object, pictures_of, url_of


@pytest.mark.parametrize(
    ("body", "pictures"),
    [
        (b'{"images":[{"url":"a"},{"url":"b"}]}', [{"url": "a"}, {"url": "b"}]),
        (b'{"image":{"url":"a"}}', [{"url": "a"}]),
        (b'{"images":[],"image":{"url":"a"}}', []),
        (b'{"images":null,"image":{"url":"a"}}', [{"url": "a"}]),
        (b'{"images":"a"}', None),
        (b'{"image":"a"}', None),
        (b"{}", None),
        (b"[]", None),
        (b"null", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_pictures_come_as_a_list_or_as_one(body: bytes, pictures: list[Any] | None) -> None:
    assert pictures_of(answer_object(body)) == pictures


@pytest.mark.parametrize(
    ("picture", "url"),
    [({"url": "a"}, "a"), ({"url": 1}, None), ({}, None), ("a", None), (None, None)],
)
def test_a_picture_is_where_it_says(picture: object, url: str | None) -> None:
    assert url_of(picture) == url
