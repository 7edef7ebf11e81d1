from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from app.uploads.addresses import (
    NAME_LENGTH,
    address_of,
    clean_name,
    files_url,
    named_files,
    parse_file_id,
    replaced,
)

HERE = "https://gateway.example"
ID = UUID("7d9f3c52-53a8-4b6e-9d1c-0f0e63a0c1aa")
URL = f"{HERE}/files/{ID}/cat.png"


def found(given: Any) -> list[tuple[tuple[str | int, ...], str, UUID | None]]:
    return [(one.path, one.address, one.file_id) for one in named_files(given, files_url(HERE))]


def test_an_address_is_found_wherever_it_stands() -> None:
    given = {
        "prompt": "a cat",
        "image_url": URL,
        "image_urls": ["https://elsewhere.example/a.png", URL],
        "loras": [{"path": {"deep": [[URL]]}}],
        "seed": 7,
        "nothing": None,
        "sure": True,
    }
    assert found(given) == [
        (("image_url",), URL, ID),
        (("image_urls", 1), URL, ID),
        (("loras", 0, "path", "deep", 0, 0), URL, ID),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a cat",
        "",
        f"a cat like {URL}",
        f"{URL} with a hat",
        f"{URL}\nwith a hat",
        f"{HERE}/files",
        f"{HERE}/",
        f"{HERE}.evil.example/files/{ID}/cat.png",
        f"http://gateway.example/files/{ID}/cat.png",
        f"https://other.example/files/{ID}/cat.png",
        f"https://other.example/?u={URL}",
        f"/files/{ID}/cat.png",
    ],
)
def test_other_texts_are_none_of_our_addresses(text: str) -> None:
    assert found({"image_url": text}) == []


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "x",
        f"{ID}",
        f"{ID}/",
        f"{ID}/..",
        f"{ID}/.",
        f"{ID}/a/b",
        f"{ID}/../{ID}/cat.png",
        f"{str(ID).upper()}/cat.png",
        f"{{{ID}}}/cat.png",
        f"{ID.hex}/cat.png",
        f"x{ID}/cat.png",
        "../storage/cat.png",
        "not-an-id/cat.png",
    ],
)
def test_an_address_below_ours_that_no_file_has_names_no_file(rest: str) -> None:
    assert found([f"{HERE}/files/{rest}"]) == [((0,), f"{HERE}/files/{rest}", None)]


def test_names_of_members_are_no_addresses() -> None:
    assert found({URL: 1}) == []


def test_texts_take_the_place_of_addresses_and_of_nothing_else() -> None:
    given = {"a": URL, "b": [URL, f"{URL} and more", 1.5, None, True], "c": {URL: URL}}
    assert replaced(given, {URL: "data"}) == {
        "a": "data",
        "b": ["data", f"{URL} and more", 1.5, None, True],
        "c": {URL: "data"},
    }
    assert given["a"] == URL


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("cat.png", "cat.png"),
        ("my cat (1).png", "my cat (1).png"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\cat.png", "cat.png"),
        ("../../cat.png", "cat.png"),
        ("a\0b\r\nX: y\x7f.png", "abX: y.png"),
        ("a\u202egnp.png", "agnp.png"),
        ("Kätzchen 猫.png", "Kätzchen 猫.png"),
        ("  cat.png  ", "cat.png"),
        ("", "picture.png"),
        (None, "picture.png"),
        ("..", "picture.png"),
        (".", "picture.png"),
        ("a/", "picture.png"),
        (" . ", "picture.png"),
        ("\0", "picture.png"),
        (".htaccess", ".htaccess"),
    ],
)
def test_a_name_is_kept_without_what_no_name_needs(given: str | None, kept: str) -> None:
    assert clean_name(given, "image/png") == kept


def test_a_long_name_is_cut() -> None:
    assert len(clean_name("x" * 5000, "image/png")) == NAME_LENGTH


@pytest.mark.parametrize(
    "name", ["a b.png", "a?b#c.png", "100%.png", "猫.png", '"><script>.png', "a;b=c,d.png"]
)
def test_an_address_holds_any_name_and_is_found_again(name: str) -> None:
    address = address_of(HERE, ID, clean_name(name, "image/png"))
    assert address.isascii()
    parts = urlsplit(address)
    assert (parts.query, parts.fragment, parts.path.count("/")) == ("", "", 3)
    assert found([address]) == [((0,), address, ID)]


@pytest.mark.parametrize("text", ["", "x", str(ID).upper(), ID.hex, f"{ID} ", f"{{{ID}}}"[:36], "0" * 36])
def test_an_id_is_taken_as_we_write_it_only(text: str) -> None:
    assert parse_file_id(text) is None
    assert parse_file_id(str(ID)) == ID
