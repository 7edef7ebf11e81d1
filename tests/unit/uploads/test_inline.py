from uuid import UUID

import orjson

from app.uploads.inline import with_data
from app.uploads.repository import JobFile
from tests.support.pictures import carried, picture

FIRST = f"https://gateway.example/files/{UUID(int=1)}/a.png"
SECOND = f"https://gateway.example/files/{UUID(int=2)}/b.jpeg"


def test_each_address_becomes_its_picture() -> None:
    given = {"prompt": FIRST + " is nice", "image_urls": [FIRST, SECOND, FIRST, "https://x.example/c.png"]}
    files = [
        JobFile(FIRST, "image/png", picture("PNG")),
        JobFile(SECOND, "image/jpeg", picture("JPEG")),
    ]
    sent = orjson.loads(with_data(orjson.dumps(given), files))
    assert sent["prompt"] == given["prompt"]
    assert [carried(url) for url in sent["image_urls"][:3]] == [
        ("image/png", picture("PNG")),
        ("image/jpeg", picture("JPEG")),
        ("image/png", picture("PNG")),
    ]
    assert sent["image_urls"][3] == "https://x.example/c.png"


def test_numbers_stay_what_they_are() -> None:
    given = b'{"a":1.0,"seed":18446744073709551615,"b":-0.0,"c":1e-7,"image_url":"' + FIRST.encode() + b'"}'
    sent = with_data(given, [JobFile(FIRST, "image/png", b"x")])
    assert sent == given.replace(FIRST.encode(), b"data:image/png;base64,eA==")
