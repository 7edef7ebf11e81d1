"""Making, recognising and digesting keys. Pure but for the random source.

A key is a prefix, random base62 characters, and a checksum of six more: a mistyped or truncated key is
refused without asking the database, and scanners of leaked secrets can recognise one.
"""

import hmac
import secrets
import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
CALLER_PREFIX = "fg_"
ADMIN_PREFIX = "fga_"
RANDOM_CHARACTERS = 32
CHECKSUM_CHARACTERS = 6
KEY_LENGTH = len(CALLER_PREFIX) + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS
HINT_CHARACTERS = 4

_ALPHABET = frozenset(BASE62)


def new_key(prefix: str = CALLER_PREFIX) -> str:
    """A fresh key: 32 random base62 characters hold 190 bits."""
    body = prefix + "".join(secrets.choice(BASE62) for _ in range(RANDOM_CHARACTERS))
    return body + checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether the text can be one of our caller keys at all."""
    if len(key) != KEY_LENGTH or not key.startswith(CALLER_PREFIX):
        return False
    if not _ALPHABET.issuperset(key[len(CALLER_PREFIX) :]):
        return False
    return checksum(key[:-CHECKSUM_CHARACTERS]) == key[-CHECKSUM_CHARACTERS:]


def digest_of(key: str, pepper: bytes) -> bytes:
    """What is stored of a key: its SHA-256 keyed with the installation's pepper, 32 bytes."""
    return hmac.digest(pepper, key.encode(), "sha256")


def hint_of(key: str) -> str:
    """The last characters of a key, by which people tell their keys apart."""
    return key[-HINT_CHARACTERS:]


def checksum(body: str) -> str:
    """The CRC-32 of the text in base62, six characters."""
    number = zlib.crc32(body.encode())
    characters = []
    for _ in range(CHECKSUM_CHARACTERS):
        number, remainder = divmod(number, len(BASE62))
        characters.append(BASE62[remainder])
    return "".join(reversed(characters))
