"""The certificate and the key that `serve` speaks TLS with."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from app.errors import StartupError

OLDEST_VERSION = ssl.TLSVersion.TLSv1_2
# The server speaks nothing newer, and clients that offer HTTP/2 want to be told.
PROTOCOLS = ("http/1.1",)
CERTIFICATE_LINE = b"-----BEGIN CERTIFICATE-----"
KEY_LINE = b"PRIVATE KEY-----"
NO_PAIR = "KEY_VALUES_MISMATCH"
OPENING_COMMAND = "openssl pkey -in FILE -out NEW_FILE"


@dataclass(frozen=True)
class TlsFiles:
    """Two files in PEM form; they can be sent to another process, which reads them itself."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What the server shows of itself in a handshake.

        Raises:
            StartupError: a file cannot be read, holds something else, or does not belong to the other.
        """
        _check_holds(self.certificate, CERTIFICATE_LINE, "a certificate")
        _check_holds(self.key, KEY_LINE, "a private key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = OLDEST_VERSION
        context.set_alpn_protocols(PROTOCOLS)
        try:
            context.load_cert_chain(self.certificate, self.key, password=self._refuse_to_ask)
        except ssl.SSLError as error:
            raise StartupError(self._reason(error)) from error
        return context

    def _refuse_to_ask(self) -> str:
        """Without this OpenSSL asks on the terminal, and a server has nobody who answers."""
        raise StartupError(
            f"the key in {self.key} has a passphrase, which nobody is there to type; take it off with "
            f"`{OPENING_COMMAND}` and protect the file by its permissions"
        )

    def _reason(self, error: ssl.SSLError) -> str:
        if error.reason == NO_PAIR:
            return f"the key in {self.key} does not belong to the certificate in {self.certificate}"
        said = (error.reason or "unreadable").replace("_", " ").lower()
        return f"OpenSSL does not take {self.certificate} with {self.key}: {said}"


def find_tls_files(certificate: Path | None, key: Path | None) -> TlsFiles | None:
    """Both files, after they were read once, or None when neither is named.

    Raises:
        StartupError: only one is named, or they are not what a server needs.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing, there = ("--tls-cert", key) if certificate is None else ("--tls-key", certificate)
        raise StartupError(f"TLS needs a certificate and its key: {there} is named, {missing} is missing")
    files = TlsFiles(certificate, key)
    files.context()
    return files


def _check_holds(path: Path, line: bytes, what: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StartupError(f"cannot read {path}: {error.strerror or error}") from error
    if line not in content:
        raise StartupError(f"{path} does not hold {what} in PEM form")
