"""`serve` with a certificate: real handshakes, and starts that end with one line before anything is begun."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.certificates import Certificates, make_certificates, new_key, write_key, written
from tests.support.gateway import Gateway
from tests.support.ports import free_port
from tests.support.processes import run_fluxgate
from tests.support.wire import connect

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SILENCE_SECONDS = 0.3
PASSPHRASE = "a passphrase of the test"

Spoil = Callable[[Certificates, Path], tuple[str, ...]]


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


def handshake(gateway: Gateway, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(connect(gateway.address), server_hostname="localhost")


def test_a_client_that_believes_the_authority_is_served(
    start_gateway: StartGateway, certificates: Certificates
) -> None:
    gateway = start_gateway(*certificates.options, trust=certificates)
    assert gateway.get("/livez").status_code == 200
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{gateway.address}/livez", trust_env=False, timeout=60)


def test_every_address_handed_out_is_https(
    start_gateway: StartGateway, certificates: Certificates, prompt: str
) -> None:
    gateway = start_gateway(*certificates.options, trust=certificates)
    assert f"Fluxgate serves on {gateway.address}\n" in gateway.process.log()
    answer = gateway.caller().submit(prompt).json()
    for name in ("status_url", "response_url", "cancel_url"):
        assert answer[name].startswith(f"{gateway.address}/fal-ai/flux-1/requests/"), answer
    assert gateway.address.startswith("https://")


def test_the_settings_name_the_files_and_the_options_win(
    start_gateway: StartGateway, certificates: Certificates, tmp_path: Path
) -> None:
    by_settings = start_gateway(
        tls_cert_file=str(certificates.certificate), tls_key_file=str(certificates.key), trust=certificates
    )
    assert by_settings.get("/livez").status_code == 200
    (tmp_path / "others").mkdir()
    others = make_certificates(tmp_path / "others")
    by_options = start_gateway(
        *certificates.options,
        tls_cert_file=str(others.certificate),
        tls_key_file=str(others.key),
        trust=certificates,
    )
    assert by_options.get("/livez").status_code == 200


def test_several_processes_speak_tls(
    start_gateway: StartGateway, certificates: Certificates, prompt: str
) -> None:
    gateway = start_gateway("--workers", "2", *certificates.options, trust=certificates)
    caller = gateway.caller()
    job_id = caller.job(prompt)
    for _ in range(10):
        assert gateway.get("/livez").status_code == 200
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200


@pytest.mark.parametrize(
    ("newest", "spoken"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
def test_tls_1_2_and_1_3_are_spoken(
    start_gateway: StartGateway, certificates: Certificates, newest: ssl.TLSVersion, spoken: str
) -> None:
    context = certificates.context()
    context.maximum_version = newest
    context.set_alpn_protocols(["h2", "http/1.1"])
    with handshake(start_gateway(*certificates.options, trust=certificates), context) as connection:
        assert (connection.version(), connection.selected_alpn_protocol()) == (spoken, "http/1.1")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused(start_gateway: StartGateway, certificates: Certificates) -> None:
    context = certificates.context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    # Without it the client itself would have nothing old to offer.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        handshake(start_gateway(*certificates.options, trust=certificates), context)


def test_plain_http_on_the_tls_port_does_no_harm(
    start_gateway: StartGateway, certificates: Certificates
) -> None:
    gateway = start_gateway(*certificates.options, trust=certificates)
    for words in (LIVEZ, b"\x00" * 1000, b"\x16\x03\x01\xff\xff" + b"x" * 1000):
        with connect(gateway.address) as connection:
            connection.sendall(words)
            # It may have been ended by then.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            assert b"HTTP/1.1 200" not in received(connection)
    assert gateway.get("/livez").status_code == 200
    assert "Traceback" not in gateway.process.log()


def test_a_slow_handshake_keeps_nobody_waiting(
    start_gateway: StartGateway, certificates: Certificates
) -> None:
    gateway = start_gateway(*certificates.options, trust=certificates)
    slow = [connect(gateway.address) for _ in range(20)]
    try:
        # The head of a record whose rest does not come.
        for connection in slow:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        assert gateway.get("/livez").status_code == 200
        slow[0].settimeout(SILENCE_SECONDS)
        with pytest.raises(TimeoutError):
            slow[0].recv(1)
    finally:
        for connection in slow:
            connection.close()


def received(connection: socket.socket) -> bytes:
    """What is sent until the other side closes, in order or not."""
    found = b""
    try:
        while more := connection.recv(65_536):
            found += more
    except ConnectionResetError:
        pass
    return found


def without_key(certificates: Certificates, _: Path) -> tuple[str, ...]:
    return certificates.options[:2]


def without_certificate(certificates: Certificates, _: Path) -> tuple[str, ...]:
    return certificates.options[2:]


def no_such_file(certificates: Certificates, directory: Path) -> tuple[str, ...]:
    return (*certificates.options[:3], str(directory / "nothing.key"))


def a_directory(certificates: Certificates, directory: Path) -> tuple[str, ...]:
    return ("--tls-cert", str(directory), *certificates.options[2:])


def exchanged(certificates: Certificates, _: Path) -> tuple[str, ...]:
    return ("--tls-cert", str(certificates.key), "--tls-key", str(certificates.certificate))


def key_of_another(certificates: Certificates, directory: Path) -> tuple[str, ...]:
    other = write_key(directory / "other.key", new_key())
    return (*certificates.options[:3], str(other))


def key_with_a_passphrase(certificates: Certificates, directory: Path) -> tuple[str, ...]:
    locked = write_key(directory / "locked.key", new_key(), PASSPHRASE)
    return (*certificates.options[:3], str(locked))


def broken(certificates: Certificates, directory: Path) -> tuple[str, ...]:
    middle = b"\nMIIB\n"
    lines = (b"-----BEGIN CERTIFICATE-----", middle, b"-----END CERTIFICATE-----\n")
    return ("--tls-cert", str(written(directory / "broken.pem", b"".join(lines))), *certificates.options[2:])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_key, "--tls-key is missing"),
        (without_certificate, "--tls-cert is missing"),
        (no_such_file, "nothing.key: No such file or directory"),
        (a_directory, "Is a directory"),
        (exchanged, "server.key does not hold a certificate in PEM form"),
        (key_of_another, "does not belong to the certificate"),
        (key_with_a_passphrase, "has a passphrase"),
        (broken, "OpenSSL does not take"),
    ],
)
def test_files_that_do_not_do_stop_the_start(
    certificates: Certificates, tmp_path: Path, spoil: Spoil, words: str
) -> None:
    """No database is named, so that one would be started under the directory if anything were."""
    place = tmp_path / "place"
    place.mkdir()
    options = spoil(certificates, tmp_path)
    done = run_fluxgate(place, "serve", "--port", str(free_port()), *options, settings={"upstream_key": "k"})
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("fluxgate: ")
    assert words in line
    assert not list(place.iterdir())
