"""Where webhooks may go, decided with a resolver that answers what a test says."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from app.errors import InvalidInput
from app.webhooks.guard import NOT_ALLOWED, BlockedError, Guard
from app.webhooks.networks import IpAddress
from app.webhooks.resolve import Resolver, UnresolvedError, ask_system

PUBLIC, PRIVATE = "203.0.112.1", "10.0.0.1"


class Names:
    """A name server of a test's own; each question about a name takes its next answer."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = {name: list(answer) for name, answer in answers.items()}

    def __call__(self, host: str) -> Sequence[IpAddress]:
        self.asked.append(host)
        told = self._answers[host]
        if not told:
            raise OSError("no such name")
        return [ip_address(one) for one in (told.pop(0) if len(told) > 1 else told[0]).split()]


@contextmanager
def guarding(names: Names, *allowed: str) -> Iterator[Guard]:
    resolver = Resolver(names)
    try:
        yield Guard(resolver, allowed)
    finally:
        resolver.close()


async def is_taken(guard: Guard, url: str) -> bool:
    try:
        await guard.check_target(url)
    except InvalidInput as error:
        [problem] = error.problems
        assert problem["type"] == "webhook_url_blocked"
        assert problem["loc"] == ["query", "fal_webhook"]
        return False
    return True


@pytest.mark.parametrize(
    ("answer", "is_fit"),
    [
        (PUBLIC, True),
        ("2606:4700::1", True),
        (f"{PUBLIC} 2606:4700::1", True),
        (PRIVATE, False),
        (f"{PUBLIC} {PRIVATE}", False),
        (f"{PRIVATE} {PUBLIC}", False),
        (f"{PUBLIC} ::ffff:127.0.0.1", False),
        (f"{PUBLIC} fe80::1", False),
    ],
)
async def test_a_name_is_judged_by_all_that_it_stands_for(answer: str, is_fit: bool) -> None:
    with guarding(Names(host=[answer])) as guard:
        assert await is_taken(guard, "https://host/") is is_fit


async def test_the_same_words_whatever_is_at_an_address() -> None:
    names = Names(host=[PRIVATE], other=["169.254.169.254"], far=[PUBLIC])
    words = set()
    with guarding(names) as guard:
        for url in (
            "http://host/",
            "http://host:8080/",
            "http://other/",
            "http://far:22/",
            "http://far:5432/",
        ):
            with pytest.raises(InvalidInput) as refused:
                await guard.check_target(url)
            words.add(refused.value.problems[0]["msg"])
    assert words == {NOT_ALLOWED}


async def test_a_name_that_stands_for_nothing_now_is_left_to_the_connection() -> None:
    with guarding(Names(host=[])) as guard:
        assert await is_taken(guard, "https://host/")
        with pytest.raises(UnresolvedError):
            await guard.addresses_of("host", 443)


async def test_nobody_waits_long_for_a_name_server() -> None:
    def sleeps(_: str) -> Sequence[IpAddress]:
        time.sleep(1)
        return [ip_address(PRIVATE)]

    resolver = Resolver(sleeps)
    with pytest.raises(UnresolvedError):
        await resolver.addresses("host", seconds=0.05)
    resolver.close()


ALLOWED = ("hooks.internal", "*.dev.internal", "127.0.0.1", "::1", "[fd00::1]")


@pytest.mark.parametrize(
    ("url", "is_fit"),
    [
        ("http://hooks.internal/", True),
        ("http://HOOKS.internal/", True),
        ("http://hooks.internal:22/", True),
        ("http://a.dev.internal/", True),
        ("http://a.b.dev.internal:5432/", True),
        ("http://127.0.0.1:9000/", True),
        ("http://[::1]:9000/", True),
        ("http://[0:0:0:0:0:0:0:1]/", True),
        ("http://[fd00:0::1]/", True),
        ("http://x.hooks.internal/", False),
        ("http://dev.internal/", False),
        ("http://xdev.internal/", False),
        ("http://.dev.internal/", False),
        ("http://127.0.0.2/", False),
        ("http://127.1/", False),
        ("http://2130706433/", False),
        ("http://localhost/", False),
        ("http://[::ffff:127.0.0.1]/", False),
    ],
)
async def test_the_operator_s_own_hosts_are_compared_by_what_is_written(url: str, is_fit: bool) -> None:
    resolver = Resolver(lambda _: [ip_address(PRIVATE)])
    assert await is_taken(Guard(resolver, ALLOWED), url) is is_fit
    resolver.close()


@pytest.mark.parametrize(
    ("host", "port"), [("host", 443), ("allowed", 22), ("allowed", 443), ("10.0.0.1", 443), ("host", 22)]
)
async def test_a_connection_is_checked_as_the_submit_was(host: str, port: int) -> None:
    names = Names(host=[f"{PUBLIC} 2606:4700::1"], allowed=[PRIVATE], **{"10.0.0.1": ["10.0.0.1"]})
    with guarding(names, "allowed") as guard:
        if host == "10.0.0.1" or (host, port) == ("host", 22):
            with pytest.raises(BlockedError):
                await guard.addresses_of(host, port)
        else:
            assert await guard.addresses_of(host, port)


@pytest.fixture
async def system() -> AsyncIterator[Guard]:
    resolver = Resolver(ask_system)
    yield Guard(resolver, ())
    resolver.close()


# Names of addresses that need no name server, as every resolver reads them.
FORMS = {
    "loopback": "127.0.0.1",
    "short": "127.1",
    "decimal": "2130706433",
    "hex": "0x7f000001",
    "hex in parts": "0x7f.0x0.0x0.0x1",
    "octal": "0177.0.0.1",
    "zero": "0",
    "any": "0.0.0.0",
    "localhost": "localhost",
    "metadata": "169.254.169.254",
    "metadata in decimal": "2852039166",
    "metadata of tasks": "169.254.170.2",
    "metadata behind carrier NAT": "100.100.100.200",
    "metadata at a unique local address": "[fd00:ec2::254]",
    "loopback of IPv6": "[::1]",
    "unspecified": "[::]",
    "mapped": "[::ffff:127.0.0.1]",
    "mapped in hex": "[::ffff:7f00:1]",
    "compatible": "[::127.0.0.1]",
    "NAT64": "[64:ff9b::a9fe:a9fe]",
    "6to4": "[2002:7f00:1::]",
    "Teredo": "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "site-local": "[fec0::1]",
}


@pytest.mark.parametrize("host", FORMS.values(), ids=FORMS.keys())
async def test_every_spelling_of_an_inner_address_is_refused(system: Guard, host: str) -> None:
    assert not await is_taken(system, f"http://{host}:8080/hook")
    with pytest.raises(BlockedError):
        await system.addresses_of(host.strip("[]"), 8080)


async def test_a_public_address_is_taken_in_any_spelling(system: Guard) -> None:
    for host in ("8.8.8.8", "134744072", "[2606:4700::1111]"):
        assert await is_taken(system, f"https://{host}/")


async def test_what_is_shown_again_is_short(system: Guard) -> None:
    with pytest.raises(InvalidInput) as refused:
        await system.check_target(f"http://127.0.0.1/{'x' * 900}")
    assert len(refused.value.problems[0]["input"]) == 200
