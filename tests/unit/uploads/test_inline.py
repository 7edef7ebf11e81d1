from base64 import b64encode
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from app.uploads.addresses import replaced
from app.uploads.inline import PIECE_BYTES, with_data
from app.uploads.repository import JobFile
from tests.support.pictures import carried, picture

FIRST = f"https://gateway.example/files/{UUID(int=1)}/a.png"
SECOND = f"https://gateway.example/files/{UUID(int=2)}/b.jpeg"
FILES = [JobFile(FIRST, "image/png", b"one"), JobFile(SECOND, "image/jpeg", b"two")]
# Texts that hold an address in every way that is none.
NEAR = [
    f'"{FIRST}"',
    f',"{FIRST}",',
    f'\\"{FIRST}',
    f'x"{FIRST}',
    f':"{FIRST}',
    f"[{FIRST}]",
    f"{FIRST} ",
    f"{FIRST}\\",
    f"{FIRST}/x",
    f"x{FIRST}",
    FIRST.upper(),
]
TEXTS = st.sampled_from([FIRST, SECOND, *NEAR]) | st.text(alphabet='":,[]{}\\ax\u00e9\n', max_size=6)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def slowly(given_input: Any) -> Any:
    """The same by way of the parsed input."""
    data = {
        file.address: f"data:{file.content_type};base64,{b64encode(file.body).decode()}" for file in FILES
    }
    return replaced(given_input, data)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
@settings(max_examples=500, deadline=None)
def test_addresses_are_exchanged_where_they_are_a_whole_text_and_nowhere_else(given_input: Any) -> None:
    assert with_data(orjson.dumps(given_input), FILES) == orjson.dumps(slowly(given_input))


def test_each_near_miss_is_left_alone() -> None:
    for text in NEAR:
        for body in ({"a": text}, {text: "a"}, {"a": [text, text]}, {FIRST: 1}):
            assert with_data(orjson.dumps(body), FILES) == orjson.dumps(body)


def test_each_address_becomes_its_picture() -> None:
    body = {"prompt": FIRST + " is nice", "image_urls": [FIRST, SECOND, FIRST, "https://x.example/c.png"]}
    files = [
        JobFile(FIRST, "image/png", picture("PNG")),
        JobFile(SECOND, "image/jpeg", picture("JPEG")),
    ]
    sent = orjson.loads(with_data(orjson.dumps(body), files))
    assert sent["prompt"] == body["prompt"]
    assert [carried(url) for url in sent["image_urls"][:3]] == [
        ("image/png", picture("PNG")),
        ("image/jpeg", picture("JPEG")),
        ("image/png", picture("PNG")),
    ]
    assert sent["image_urls"][3] == "https://x.example/c.png"


def test_an_address_that_begins_another_is_not_taken_for_it() -> None:
    short, long = FIRST.removesuffix(".png"), FIRST
    files = [JobFile(short, "image/png", b"short"), JobFile(long, "image/png", b"long")]
    sent = orjson.loads(with_data(orjson.dumps([long, short]), files))
    assert [carried(url)[1] for url in sent] == [b"long", b"short"]


def test_pieces_of_a_large_file_fit_together() -> None:
    for size in (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 2):
        content = bytes(range(256)) * (size // 256 + 1)
        [sent] = orjson.loads(with_data(orjson.dumps([FIRST]), [JobFile(FIRST, "image/png", content[:size])]))
        assert carried(sent) == ("image/png", content[:size])
