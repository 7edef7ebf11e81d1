"""The wire that other tests spoil does what it is told, before they rely on it."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.fault_proxy import End, Fault, FaultProxy, Way
from tests.support.ports import LOOPBACK
from tests.support.waiting import until


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """A wire to a server that says again whatever it hears."""
    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        proxy = FaultProxy((LOOPBACK, server.getsockname()[1]))
        yield proxy
        proxy.close()
        server.shutdown(socket.SHUT_RDWR)


def _echo(server: socket.socket) -> None:
    def repeat(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while heard := connection.recv(100):
                connection.sendall(heard)

    with suppress(OSError):
        while True:
            threading.Thread(target=repeat, args=(server.accept()[0],), daemon=True).start()


def connected(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=60)


def said_again(connection: socket.socket, words: bytes = b"hello") -> bytes:
    connection.sendall(words)
    heard = b""
    while len(heard) < len(words) and (more := connection.recv(100)):
        heard += more
    return heard


def test_it_passes_everything_and_counts(proxy: FaultProxy) -> None:
    with connected(proxy) as one, connected(proxy) as other:
        assert (said_again(one), said_again(other, b"you")) == (b"hello", b"you")
    assert proxy.connections == 2
    assert dict(proxy.passed) == {Way.TO_SERVER: 8, Way.TO_CLIENT: 8}


@pytest.mark.parametrize("fault", [Fault(delay_seconds=0.05), Fault(drip_seconds=0.02)])
def test_slow_is_still_whole(proxy: FaultProxy, fault: Fault) -> None:
    proxy.spoil(fault)
    with connected(proxy) as connection:
        assert said_again(connection) == b"hello"


def test_it_cuts_after_so_many_bytes_from_now_on(proxy: FaultProxy) -> None:
    with connected(proxy) as connection:
        assert said_again(connection) == b"hello"
        proxy.spoil(Fault(cut_after=3, end=End.CLOSED), Way.TO_CLIENT)
        assert said_again(connection) == b"hel"
        assert connection.recv(1) == b""
    proxy.heal()
    with connected(proxy) as connection:
        assert said_again(connection) == b"hello"


def test_it_resets_before_a_byte_has_passed(proxy: FaultProxy) -> None:
    proxy.spoil(Fault(cut_after=0), Way.TO_SERVER)
    with connected(proxy) as connection, pytest.raises(ConnectionResetError):
        said_again(connection)
    assert proxy.passed[Way.TO_SERVER] == 0


def test_it_closes_one_half(proxy: FaultProxy) -> None:
    proxy.spoil(Fault(cut_after=2, end=End.HALF_CLOSED), Way.TO_SERVER)
    with connected(proxy) as connection:
        assert said_again(connection) == b"he"


def test_what_hangs_goes_on_when_it_is_healed(proxy: FaultProxy) -> None:
    with connected(proxy) as before:
        proxy.hang()
        with connected(proxy) as later:
            before.sendall(b"a")
            later.sendall(b"b")
            until(lambda: proxy.connections == 2)
            assert not proxy.passed
            proxy.heal()
            assert (before.recv(1), later.recv(1)) == (b"a", b"b")


@pytest.mark.parametrize("end", [End.RESET, End.CLOSED])
def test_it_cuts_what_is_open_even_while_it_hangs(proxy: FaultProxy, end: End) -> None:
    with connected(proxy) as connection:
        assert said_again(connection) == b"hello"
        proxy.hang()
        connection.sendall(b"a")
        proxy.cut(end)
        if end is End.RESET:
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        else:
            assert connection.recv(1) == b""


def test_it_refuses_until_it_is_healed(proxy: FaultProxy) -> None:
    proxy.refuse()
    with pytest.raises(OSError, match=f"Errno {errno.ECONNREFUSED}"):
        connected(proxy)
    proxy.heal()
    with connected(proxy) as connection:
        assert said_again(connection) == b"hello"
