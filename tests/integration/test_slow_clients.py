"""Clients that say too little, too slowly or too much, or do not listen: none of them is kept for ever."""

import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from random import randbytes

import pytest

from app.uploads.serve import PIECE_BYTES
from tests.conftest import StartGateway
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.waiting import until
from tests.support.wire import connect

# As the kernel writes it.
ESTABLISHED = "01"
HEAD = b"POST /fal-ai/flux-1/dev HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
UNREAD_FILES = 10
BEYOND_THE_HEAD = 10_000
BETWEEN_BYTES_SECONDS = 0.2
MEGABYTE = b"a" * 1_000_000
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(20_000_000)


@pytest.fixture
def gateway(start_gateway: StartGateway) -> Gateway:
    return start_gateway(client_head_timeout_seconds="0.5", client_body_timeout_seconds="1.5")


@pytest.fixture
def patient(start_gateway: StartGateway) -> Gateway:
    """One with the patience that it has by itself."""
    return start_gateway()


@pytest.fixture
def caller(gateway: Gateway) -> Caller:
    return gateway.caller()


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the other side ends the connection before this one gives up waiting."""
    with suppress(ConnectionResetError, BrokenPipeError):
        while connection.recv(65_536):
            continue
    return True


def is_held_open(connection: socket.socket) -> bool:
    """Whether the other side has not ended the connection yet, whatever is still on its way to this one."""
    ports = [f":{address[1]:04X}" for address in (connection.getpeername(), connection.getsockname())]
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return any(
        words[1][-5:] == ports[0] and words[2][-5:] == ports[1] and words[3] == ESTABLISHED for words in lines
    )


def send_slowly(address: str, head: bytes) -> bytes:
    """The answer to somebody who sends a byte of a body again and again, and never all of it.

    Nothing where no byte was sent for so long that the connection was cut off in place of an answer.
    """
    answer = b""
    # A byte that came after the answer is answered by the kernel, with a reset.
    with connect(address) as connection, suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(head)
        patience = connection.gettimeout()
        connection.settimeout(BETWEEN_BYTES_SECONDS)
        while not answer:
            connection.sendall(b"a")
            with suppress(TimeoutError):
                answer = connection.recv(65_536)
                if not answer:
                    return b""
        connection.settimeout(patience)
        while more := connection.recv(65_536):
            answer += more
    return answer


def test_who_sends_a_body_byte_by_byte_is_told_that_its_time_is_over(start_gateway: StartGateway) -> None:
    """Hypothesis: a byte before each silence is too long does not keep a body open for ever."""
    gateway = start_gateway(client_body_timeout_seconds="1.5", upload_limit_bytes="5000")
    head = f"POST /files/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Key {gateway.caller().key}\r\n"
    head += "Content-Type: image/png\r\nContent-Length: 5000\r\n\r\na"
    answer = until(lambda: send_slowly(gateway.address, head.encode()))
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert b"did not come within 2 seconds" in answer


def length_of_flood(connection: socket.socket, *, megabytes: int) -> int:
    """How many megabytes the other side takes before it ends the connection."""
    for number in range(megabytes):
        try:
            connection.sendall(MEGABYTE)
        except (ConnectionResetError, BrokenPipeError):
            return number
    return megabytes


@pytest.mark.parametrize(
    "start", [b"", b"G", b"GET /livez HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A"]
)
def test_who_does_not_finish_a_head_is_cut_off(gateway: Gateway, start: bytes) -> None:
    with connect(gateway.address) as connection:
        connection.sendall(start)
        assert is_cut_off(connection)


def test_who_does_not_finish_a_second_head_is_cut_off(start_gateway: StartGateway) -> None:
    gateway = start_gateway(client_head_timeout_seconds="4")
    with connect(gateway.address) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /livez HT")
        assert is_cut_off(connection)


@pytest.mark.parametrize(
    "frame",
    [
        b"Content-Length: 100\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_who_does_not_finish_a_body_is_cut_off(caller: Caller, gateway: Gateway, frame: bytes) -> None:
    with connect(gateway.address) as connection:
        connection.sendall(HEAD + f"Authorization: Bearer {caller.key}\r\n".encode() + frame)
        assert is_cut_off(connection)


def test_who_waits_for_an_answer_is_not_cut_off(start_gateway: StartGateway, prompt: str) -> None:
    caller = start_gateway(client_head_timeout_seconds="4", client_body_timeout_seconds="4").caller()
    answer = caller.post(DEV, json={"prompt": f"{prompt} [slow 6]"}, headers={"prefer": "wait=50"})
    assert answer.headers["preference-applied"] == "wait=50"
    assert answer.json()["images"]


@pytest.mark.parametrize("start", [b"GET /", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: "])
def test_a_head_without_end_is_cut_off(gateway: Gateway, start: bytes) -> None:
    with connect(gateway.address) as connection:
        connection.sendall(start)
        assert length_of_flood(connection, megabytes=50) < 50


def test_a_trailer_without_end_is_cut_off(caller: Caller, gateway: Gateway) -> None:
    with connect(gateway.address) as connection:
        head = HEAD + f"Authorization: Bearer {caller.key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        connection.sendall(head + b"2\r\n{}\r\n0\r\nX-A: ")
        assert length_of_flood(connection, megabytes=50) < 50


def test_who_does_not_read_an_answer_is_cut_off(patient: Gateway, gateway: Gateway) -> None:
    stored = patient.caller().post("/files/upload", content=PICTURE, headers={"content-type": "image/png"})
    path = stored.json()["access_url"].removeprefix(patient.address)
    with connect(gateway.address) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        # Nothing is seen of the end before what came ahead of it is read.
        until(lambda: not is_held_open(connection))
        with suppress(ConnectionResetError):
            assert sum(len(part) for part in iter(lambda: connection.recv(1_000_000), b"")) < len(PICTURE)


def test_of_a_file_that_nobody_reads_little_is_held(patient: Gateway) -> None:
    stored = patient.caller().post("/files/upload", content=PICTURE, headers={"content-type": "image/png"})
    path = stored.json()["access_url"].removeprefix(patient.address)
    held = patient.resident_bytes()
    with ExitStack() as stack:
        for _ in range(UNREAD_FILES):
            connection = stack.enter_context(connect(patient.address))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received = 0
            while received < BEYOND_THE_HEAD:
                received += len(connection.recv(BEYOND_THE_HEAD))
        assert patient.resident_bytes() - held < UNREAD_FILES * len(PICTURE) / 2


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_a_file_of_several_pieces_comes_out_as_it_came_in(patient: Gateway, size: int) -> None:
    content = PICTURE[:8] + randbytes(size - 8)
    stored = patient.caller().post("/files/upload", content=content, headers={"content-type": "image/png"})
    assert patient.get(stored.json()["access_url"].removeprefix(patient.address)).content == content
