import asyncio
import base64

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.errors import UpstreamUnavailable
from app.upstream.errors import NoAnswerError
from app.webhooks.incoming_keys import (
    AFTER_FAULT_SECONDS,
    BETWEEN_FETCHES_SECONDS,
    KEPT_SECONDS,
    IncomingKeys,
)
from app.webhooks.incoming_signature import Signed


class Publisher:
    """One who publishes keys, changes them and is away at times; and the clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.fetches = 0
        self.is_away = False
        self.keys = [Ed25519PrivateKey.generate()]

    async def fetch(self) -> bytes:
        self.fetches += 1
        await asyncio.sleep(0.01)
        if self.is_away:
            raise NoAnswerError("nobody there")
        raw = (key.public_key().public_bytes_raw() for key in self.keys)
        encoded = (base64.urlsafe_b64encode(key).decode().rstrip("=") for key in raw)
        return orjson.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x} for x in encoded]})

    def sign(self) -> Signed:
        return Signed(b"a message", 0, self.keys[-1].sign(b"a message"))


FORGED = Signed(b"a message", 0, b"0" * 64)


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def keys(publisher: Publisher) -> IncomingKeys:
    return IncomingKeys(publisher.fetch, clock=lambda: publisher.now)


async def test_keys_are_fetched_once_for_all_who_need_them(publisher: Publisher, keys: IncomingKeys) -> None:
    assert await asyncio.gather(*(keys.fit(publisher.sign()) for _ in range(20))) == [True] * 20
    assert publisher.fetches == 1
    publisher.now += KEPT_SECONDS - 1
    assert await keys.fit(publisher.sign())
    assert publisher.fetches == 1
    publisher.now += 1
    assert await keys.fit(publisher.sign())
    assert publisher.fetches == 2


async def test_a_new_key_is_fetched_and_forgeries_fetch_once_a_minute(
    publisher: Publisher, keys: IncomingKeys
) -> None:
    assert await keys.fit(publisher.sign())
    publisher.keys.append(Ed25519PrivateKey.generate())
    assert not await keys.fit(publisher.sign())
    publisher.now += BETWEEN_FETCHES_SECONDS
    known = await asyncio.gather(keys.fit(FORGED), keys.fit(publisher.sign()))
    assert list(known) == [False, True]
    for _ in range(20):
        publisher.now += 1
        assert not await keys.fit(FORGED)
    assert publisher.fetches == 2


async def test_a_key_that_is_withdrawn_is_believed_no_longer(
    publisher: Publisher, keys: IncomingKeys
) -> None:
    old = publisher.sign()
    assert await keys.fit(old)
    publisher.keys = [Ed25519PrivateKey.generate()]
    publisher.now += BETWEEN_FETCHES_SECONDS
    assert await keys.fit(publisher.sign())
    assert not await keys.fit(old)


async def test_without_keys_nothing_is_said_about_a_signature(
    publisher: Publisher, keys: IncomingKeys
) -> None:
    publisher.is_away = True
    for _ in range(2):
        with pytest.raises(UpstreamUnavailable):
            await keys.fit(publisher.sign())
    assert publisher.fetches == 1
    publisher.is_away = False
    publisher.now += AFTER_FAULT_SECONDS
    assert await keys.fit(publisher.sign())


async def test_an_outage_of_the_publisher_does_not_take_the_keys_that_are_known(
    publisher: Publisher, keys: IncomingKeys
) -> None:
    assert await keys.fit(publisher.sign())
    publisher.is_away = True
    publisher.now += BETWEEN_FETCHES_SECONDS
    assert not await keys.fit(FORGED)
    assert await keys.fit(publisher.sign())
    publisher.now += KEPT_SECONDS
    with pytest.raises(UpstreamUnavailable):
        await keys.fit(publisher.sign())
