"""An offer of another protocol is taken out of a head, and out of nothing else."""

import pytest

from app.cli.protocol import without_offer

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize("name", [b"Upgrade: h2c", b"upgrade: websocket", b"Upgrade:h2c"])
def test_the_header_is_renamed_and_nothing_moves(name: bytes) -> None:
    head = HEAD % name
    without = without_offer(head + b"abc")
    assert b"pgrade: " not in without
    assert (len(without), without[-3:]) == (len(head) + 3, b"abc")


@pytest.mark.parametrize(
    "data",
    [
        HEAD % b"X-Upgrade: h2c" + b"abc",
        HEAD % b"Host: y" + b"\r\nUpgrade: h2c\r\n",
        b"a piece of a body\r\nUpgrade: h2c\r\n",
        b"GET /upgrade: HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_such_header_stays(data: bytes) -> None:
    assert without_offer(data) == data
