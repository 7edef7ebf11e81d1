"""A certificate authority that only this test run knows, and what it signs."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NAMES = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
LIFE = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Files in PEM form: the authority's certificate, and a server's certificate and key for localhost."""

    authority: Path
    certificate: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        """What `fluxgate serve` is told."""
        return ("--tls-cert", str(self.certificate), "--tls-key", str(self.key))

    def context(self) -> ssl.SSLContext:
        """What a client believes that believes this authority alone."""
        return ssl.create_default_context(cafile=str(self.authority))

    def server_context(self) -> ssl.SSLContext:
        """What a server shows to its clients."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificates(directory: Path) -> Certificates:
    """A new authority and one server's certificate, valid for a day."""
    authority_key, server_key = new_key(), new_key()
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    root = (
        signable(authority, authority, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        signable(server, authority, server_key)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    return Certificates(
        authority=written(directory / "authority.pem", root.public_bytes(Encoding.PEM)),
        certificate=written(directory / "server.pem", leaf.public_bytes(Encoding.PEM)),
        key=write_key(directory / "server.key", server_key),
    )


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def write_key(path: Path, key: ec.EllipticCurvePrivateKey, passphrase: str | None = None) -> Path:
    """The key in PEM form, encrypted if there is a passphrase."""
    protection = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return written(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))


def signable(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """A certificate that begins an hour ago and lacks what tells an authority from a server."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
