"""One webhook over one connection: whatever the receiver or its name server does, it ends, and ends well."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.webhooks.address import parse_address
from app.webhooks.delivery import Tried
from app.webhooks.guard import Guard
from app.webhooks.networks import IpAddress
from app.webhooks.resolve import Resolver, ask_system
from app.webhooks.transport import BROKEN, NO_TLS, NOT_REACHED, NOT_TRUSTED, TOO_SLOW, WebhookTransport
from tests.support.certificates import Certificates, make_certificates
from tests.support.ports import free_port
from tests.support.receiver import Receiver, receiving
from tests.support.scripted_upstream import ScriptedUpstream, scripted

LIMIT_BYTES = 65_536
SECONDS = 30.0
# For those that never come to their end; a machine that stands still may take some of it.
SHORT_SECONDS = 7.0
OK = b"HTTP/1.1 200 OK\r\n"


class Names:
    """A name server of a test's own: each question is answered with the next of its answers."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    def __call__(self, _: str) -> Sequence[IpAddress]:
        told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(one) for one in told.split()]


@contextmanager
def guard_with(look_up: object, *allowed: str) -> Iterator[Guard]:
    assert callable(look_up)
    resolver = Resolver(look_up)
    try:
        yield Guard(resolver, allowed)
    finally:
        resolver.close()


async def post(guard: Guard, url: str, *, body: bytes = b"{}", seconds: float = SECONDS) -> Tried:
    transport = WebhookTransport(guard, total_seconds=seconds, answer_limit_bytes=LIMIT_BYTES)
    return await transport.post(parse_address(url), {"webhook-id": "msg_1"}, body)


@pytest.fixture
def loopback(on_exit: ExitStack) -> Guard:
    """Webhooks may go to 127.0.0.1, and wherever else is public."""
    return on_exit.enter_context(guard_with(ask_system, "127.0.0.1"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def odd() -> Iterator[ScriptedUpstream]:
    with scripted() as receiver:
        yield receiver


def port_of(address: str) -> int:
    port = urlsplit(address).port
    assert port is not None
    return port


async def test_a_webhook_arrives_as_it_is(loopback: Guard, receiver: Receiver) -> None:
    tried = await post(loopback, f"{receiver.address}/a%20b?c=%2F&d", body=b'{"a":1}')
    assert (tried.status_code, tried.error) == (200, None)
    [received] = receiver.requests
    assert (received.method, received.path, received.body) == ("POST", "/a%20b?c=%2F&d", b'{"a":1}')
    headers = received.headers
    assert headers["host"] == receiver.address.removeprefix("http://")
    assert headers["user-agent"].startswith("Fluxgate-Webhook/")
    assert (headers["content-type"], headers["content-length"]) == ("application/json", "7")
    assert (headers["accept-encoding"], headers["connection"]) == ("identity", "close")
    assert headers["webhook-id"] == "msg_1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(
    loopback: Guard, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    tried = await post(loopback, f"{receiver.address}/hook")
    assert (tried.status_code, tried.is_accepted) == (status, False)
    assert [received.path for received in receiver.requests] == ["/hook"]


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
async def test_a_refusal_is_told_by_its_status(loopback: Guard, receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    tried = await post(loopback, receiver.address)
    assert (tried.status_code, tried.is_accepted, tried.error) == (status, False, None)


ACCEPTED = {
    "no body": [OK + b"content-length: 0\r\n\r\n"],
    "a body to the end of the connection": [OK + b"\r\nthanks"],
    "a body that is shorter than announced": [OK + b"content-length: 100\r\n\r\nx"],
    "a body that does not come": [OK + b"content-length: 100\r\n\r\n", b""],
    "a dripping body": [OK + b"\r\n", *[b"x"] * 1000],
    "an endless body": [OK + b"\r\n", *[b"x" * 1_000_000] * 50],
    "a body of endless chunks": [OK + b"transfer-encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n" * 10_000] * 100],
    "a gzip bomb that nobody unpacks": [
        OK + b"content-encoding: gzip\r\n\r\n",
        b"\x1f\x8b" + b"\0" * 100_000,
    ],
    "broken chunks": [OK + b"transfer-encoding: chunked\r\n\r\nzzz\r\n"],
    "a hint before it": [b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK + b"\r\n"],
}


@pytest.mark.parametrize("pieces", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_the_head_decides_whatever_body_follows(
    loopback: Guard, odd: ScriptedUpstream, pieces: list[bytes]
) -> None:
    is_slow = pieces[-1] in (b"", b"x")
    odd.answer(*pieces, pause_seconds={b"": 2 * SECONDS, b"x": 0.2}.get(pieces[-1], 0.0))
    started = time.monotonic()
    tried = await post(loopback, odd.address, seconds=SHORT_SECONDS if is_slow else SECONDS)
    assert (tried.status_code, tried.error) == (200, None)
    assert time.monotonic() - started < SECONDS


REFUSED = {
    "nothing": ([], BROKEN),
    "not HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n"], BROKEN),
    "half a head": ([OK + b"x-a: b"], BROKEN),
    "an endless head": ([OK, *[b"x-a: b\r\n" * 1000] * 100], BROKEN),
    "one endless header": ([OK + b"x-a: ", *[b"b" * 10_000] * 100], BROKEN),
    "endless hints": ([b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000], BROKEN),
    "a dripping head": ([OK, *[b"x"] * 1000], TOO_SLOW),
    "silence": ([b"", b""], TOO_SLOW),
}


@pytest.mark.parametrize(("pieces", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_no_answer_ends_in_time(
    loopback: Guard, odd: ScriptedUpstream, pieces: list[bytes], words: str
) -> None:
    odd.answer(*pieces, pause_seconds=2 * SECONDS if words == TOO_SLOW else 0.0)
    started = time.monotonic()
    tried = await post(loopback, odd.address, seconds=1 if words == TOO_SLOW else SECONDS)
    assert (tried.status_code, tried.error) == (None, words)
    assert time.monotonic() - started < SECONDS


async def test_no_more_is_read_than_the_limit(loopback: Guard) -> None:
    """The receiver's own buffers are small, so what it could send is about what was read."""
    sent = 0
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            nonlocal sent
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(OK + b"\r\n")
                try:
                    while sent < 50_000_000:
                        sent += connection.send(b"x" * 4096)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        tried = await post(loopback, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join(60)
    assert tried.status_code == 200
    assert LIMIT_BYTES <= sent < 8_000_000


async def test_a_receiver_that_takes_nothing_is_left_in_time(loopback: Guard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        tried = await post(loopback, url, body=b"x" * 20_000_000, seconds=1)
    assert (tried.status_code, tried.error) == (None, TOO_SLOW)


async def test_nobody_there_is_one_sentence(loopback: Guard) -> None:
    tried = await post(loopback, f"http://127.0.0.1:{free_port()}/")
    assert (tried.status_code, tried.error) == (None, NOT_REACHED)


async def test_a_name_is_connected_to_by_the_address_that_was_judged(receiver: Receiver) -> None:
    port = port_of(receiver.address)
    with guard_with(Names("127.0.0.1"), "receiver.example") as guard:
        tried = await post(guard, f"http://receiver.example:{port}/")
    assert tried.status_code == 200
    assert receiver.requests[0].headers["host"] == f"receiver.example:{port}"


async def test_the_next_address_is_tried_when_one_takes_no_connection(receiver: Receiver) -> None:
    port = port_of(receiver.address)
    with guard_with(Names("127.0.0.2 ::1 127.0.0.1"), "receiver.example") as guard:
        assert (await post(guard, f"http://receiver.example:{port}/")).status_code == 200


async def test_a_name_that_changes_between_check_and_connection_leads_nowhere(receiver: Receiver) -> None:
    port = port_of(receiver.address)
    with guard_with(Names("203.0.112.1", "127.0.0.1")) as guard:
        address = await guard.check_target(f"http://rebinding.example:{port}/")
        tried = await post(guard, address.url)
    assert (tried.status_code, tried.error) == (None, NOT_REACHED)
    assert "Blocked" in (tried.cause or "")
    assert receiver.requests == []


@pytest.mark.parametrize("answer", ["203.0.112.1 127.0.0.1", "127.0.0.1 203.0.112.1", "::ffff:127.0.0.1"])
async def test_one_inner_address_among_others_is_enough_to_stay_away(receiver: Receiver, answer: str) -> None:
    with guard_with(Names(answer)) as guard:
        tried = await post(guard, f"http://mixed.example:{port_of(receiver.address)}/")
    assert (tried.status_code, tried.error) == (None, NOT_REACHED)
    assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001"])
async def test_what_is_not_allowed_any_more_is_blocked_at_the_connection(
    on_exit: ExitStack, receiver: Receiver, host: str
) -> None:
    guard = on_exit.enter_context(guard_with(ask_system))
    tried = await post(guard, f"http://{host}:{port_of(receiver.address)}/")
    assert (tried.status_code, tried.error) == (None, NOT_REACHED)
    assert receiver.requests == []


async def test_an_open_and_a_closed_port_of_an_inner_address_look_the_same(
    on_exit: ExitStack, receiver: Receiver
) -> None:
    guard = on_exit.enter_context(guard_with(ask_system))
    open_port = await post(guard, receiver.address)
    closed_port = await post(guard, f"http://127.0.0.1:{free_port()}/")
    assert (open_port.status_code, open_port.error) == (closed_port.status_code, closed_port.error)


@contextmanager
def tls_receiver(certificates: Certificates, names: list[str | None]) -> Iterator[int]:
    """The port of a receiver for one TLS connection; it notes the name that it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                # What is left unread at the end would take the answer with it.
                received = tls.recv(65_536)
                while not received.endswith(b"{}"):
                    received += tls.recv(65_536)
                tls.sendall(OK + b"content-length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


@pytest.mark.parametrize(
    ("name", "is_known", "expected"),
    [
        ("localhost", True, (200, None)),
        ("receiver.example", True, (None, NOT_TRUSTED)),
        ("localhost", False, (None, NOT_TRUSTED)),
    ],
)
async def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_known: bool,
    expected: tuple[object, object],
) -> None:
    certificates = make_certificates(tmp_path)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    names: list[str | None] = []
    with guard_with(Names("127.0.0.1"), name) as guard, tls_receiver(certificates, names) as port:
        tried = await post(guard, f"https://{name}:{port}/")
    assert (tried.status_code, tried.error) == expected
    assert names == [name]


async def test_a_receiver_that_speaks_no_tls_is_told_so(loopback: Guard, odd: ScriptedUpstream) -> None:
    odd.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    tried = await post(loopback, odd.address.replace("http:", "https:"))
    assert (tried.status_code, tried.error) == (None, NO_TLS)
