import orjson
import pytest

from app.vault.links import VaultLinks
from app.vault.rewrite import with_our_links

LINKS = VaultLinks(b"k" * 32, "https://gateway.test", 86_400)
JOB = "00000000-0000-7000-8000-000000000001"


def told(body: bytes) -> bytes:
    return with_our_links(body, JOB, LINKS)


def ours(place: int) -> bytes:
    return orjson.dumps(LINKS.picture(JOB, place))


def test_nothing_but_the_addresses_changes() -> None:
    body = (
        b'{ "images" : [ {"url" : "https://a.test/1.png", "w": 1.50}, {"url":"https://a.test/2.png"} ],'
        b'  "seed": 123456789012345678901234567890, "p": "https://a.test/1.png", "x": 1.50000000000001 }\n'
    )
    changed = body.replace(b': "https://a.test/1.png", "w', b": " + ours(0) + b', "w')
    assert told(body) == changed.replace(b'"https://a.test/2.png"', ours(1))


@pytest.mark.parametrize(
    "body",
    [
        b'{"images":[{"url":"https://a.test/1.png"},{"url":"https://a.test/1.png"}]}',
        b'{"image":{"url":"http://a.test/1.png"}}',
        b'{"input":{"url":"https://a.test/1.png"},"images":[{"url":"https://a.test/1.png"}]}',
        b'{"images":[{"url":"https:\\/\\/a.test\\/1.png"}]}',
        b'{"images":[{"url":"https://a.test/\\u00e9.png"}]}',
        b'{"images":[{"no":"url"},"text",null,{"url":"https://a.test/1.png"}]}',
        b'{"images":[{"url":"data:image/png;base64,AAAA"},{"url":"https://a.test/1.png"}]}',
    ],
)
def test_every_web_address_of_a_picture_becomes_ours(body: bytes) -> None:
    before, after = orjson.loads(body), orjson.loads(told(body))
    pictures = before.get("images") or [before["image"]]
    for place, picture in enumerate(pictures):
        if isinstance(picture, dict) and str(picture.get("url", "")).startswith("http"):
            picture["url"] = LINKS.picture(JOB, place)
    assert {name: after[name] for name in ("images", "image") if name in after} == {
        name: before[name] for name in ("images", "image") if name in before
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"images":[]}',
        b'{"images":[{"url":"data:image/png;base64,AAAA"}]}',
        b'{"images":[{"url":"ftp://a.test/1.png"}]}',
        b"{}",
        b"[]",
        b"no JSON",
        b"",
    ],
)
def test_what_names_no_web_address_stays_to_the_byte(body: bytes) -> None:
    assert told(body) == body
