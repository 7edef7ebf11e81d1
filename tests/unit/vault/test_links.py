import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from app.errors import Forbidden
from app.vault.links import VaultLinks, sign_link

KEY = b"k" * 32
LINKS = VaultLinks(KEY, "https://gateway.test/base", 240)
JOB = UUID(int=1)
PATH = f"/vault/{JOB}/0"


def parts(url: str) -> tuple[str, str, str]:
    """Path, end and signature of a link."""
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path.removeprefix("/base"), query["expires"][0], query["signature"][0]


def test_a_link_names_a_picture_and_an_end() -> None:
    url = LINKS.picture(JOB, 3)
    assert url.startswith(f"https://gateway.test/base/vault/{JOB}/3?expires=")
    assert 240 <= LINKS.seconds_left(*parts(url)) <= 250
    assert LINKS.thumbnail(JOB, 3).startswith(f"https://gateway.test/base/vault/{JOB}/3/thumbnail?")
    assert LINKS.picture(str(JOB), 3) == LINKS.picture(JOB, 3)


def test_a_link_is_the_same_for_a_while() -> None:
    day = replace(LINKS, link_seconds=86_400)
    assert len({parts(day.picture(uuid4(), 0))[1] for _ in range(20)}) <= 2


def test_another_installation_signs_otherwise() -> None:
    with pytest.raises(Forbidden):
        LINKS.seconds_left(*parts(replace(LINKS, key=b"x" * 32).picture(JOB, 0)))


def test_nothing_in_a_link_can_be_changed() -> None:
    path, expires, signature = parts(LINKS.picture(JOB, 0))
    small, small_expires, small_signature = parts(LINKS.thumbnail(JOB, 0))
    assert LINKS.seconds_left(path, expires, signature) > 0
    for changed in (
        (path, str(int(expires) + 1), signature),
        (path, f"0{expires}", signature),
        (path, f"+{expires}", signature),
        (path, f"{expires} ", signature),
        (path, "", ""),
        (path, expires, ""),
        (path, expires, signature[:-1]),
        (path, expires, f"{signature}="),
        (path, expires, signature.swapcase()),
        (path, expires, "é" * 43),
        (path, expires, "\udcff"),
        (path.replace("/0", "/1"), expires, signature),
        (path.replace(str(JOB), str(UUID(int=2))), expires, signature),
        (small, expires, signature),
        (path, small_expires, small_signature),
    ):
        with pytest.raises(Forbidden, match="not a link of this gateway"):
            LINKS.seconds_left(*changed)


@pytest.mark.parametrize("expires", ["x", "-1", "0", "1e3", "٣", "9" * 40, "01"])
def test_an_end_is_written_as_we_write_it(expires: str) -> None:
    with pytest.raises(Forbidden, match="not a link of this gateway"):
        LINKS.seconds_left(PATH, expires, sign_link(KEY, PATH, expires))


def test_a_link_ends() -> None:
    for expires in (str(int(time.time())), "1"):
        with pytest.raises(Forbidden, match="time is over"):
            LINKS.seconds_left(PATH, expires, sign_link(KEY, PATH, expires))
