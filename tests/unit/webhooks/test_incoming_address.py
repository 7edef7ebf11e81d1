import re
from uuid import UUID

import pytest

from app.callers.pepper import derived_key
from app.upstream.reach import is_on_the_internet
from app.webhooks.incoming_address import PURPOSE, IncomingAddresses

JOB = UUID("01977d1c-0000-7000-8000-000000000001")
OTHER = UUID("01977d1c-0000-7000-8000-000000000002")
KEY = derived_key(b"a pepper", PURPOSE)
ADDRESSES = IncomingAddresses("https://gateway.example", KEY)


def mac_of(job_id: UUID, addresses: IncomingAddresses = ADDRESSES) -> str:
    return str(addresses.of(job_id)).rpartition("/")[2]


def test_an_address_has_the_job_and_a_proof_that_we_made_it() -> None:
    address = ADDRESSES.of(JOB)
    assert address is not None
    assert re.fullmatch(rf"https://gateway\.example/webhooks/fal/{JOB}/[A-Za-z0-9_-]{{32}}", address)
    assert ADDRESSES.is_ours(str(JOB), mac_of(JOB))


def test_a_proof_is_always_the_same_but_for_other_jobs_and_other_keys() -> None:
    again = IncomingAddresses("https://moved.example", KEY)
    assert mac_of(JOB, again) == mac_of(JOB)
    strange = IncomingAddresses("https://gateway.example", derived_key(b"a pepper", "another purpose"))
    assert len({mac_of(JOB), mac_of(OTHER), mac_of(JOB, strange)}) == 3


@pytest.mark.parametrize(
    "mac",
    [
        "",
        "é",
        "\udc80",
        mac_of(OTHER),
        mac_of(JOB)[:-1],
        mac_of(JOB) + "A",
        mac_of(JOB).swapcase(),
        mac_of(JOB).encode().hex(),
    ],
)
def test_another_proof_is_not_ours(mac: str) -> None:
    assert not ADDRESSES.is_ours(str(JOB), mac)


def test_where_nobody_can_call_there_are_no_addresses_but_old_ones_are_known() -> None:
    nowhere = IncomingAddresses(None, KEY)
    assert nowhere.of(JOB) is None
    assert nowhere.is_ours(str(JOB), mac_of(JOB))


def test_the_proof_is_hidden_wherever_an_answer_quotes_it() -> None:
    quoted = f'{{"input":"https:%2F%2Fgateway.example%2Fwebhooks%2Ffal%2F{JOB}%2F{mac_of(JOB)}"}}'.encode()
    hidden = ADDRESSES.hide(JOB, quoted)
    assert mac_of(JOB).encode() not in hidden
    assert hidden.endswith(b'%2F***"}')


@pytest.mark.parametrize(
    ("url", "is_so"),
    [
        ("https://gateway.example.com", True),
        ("https://gateway.example.com:8443", True),
        ("https://93.184.216.34", True),
        ("https://[2606:2800:220:1:248:1893:25c8:1946]", True),
        ("http://gateway.example.com", False),
        ("https://localhost", False),
        ("https://gateway.localhost", False),
        ("https://gateway.internal.", False),
        ("https://gateway", False),
        ("https://127.0.0.1", False),
        ("https://10.1.2.3", False),
        ("https://192.168.0.1:8000", False),
        ("https://169.254.1.1", False),
        ("https://100.64.0.1", False),
        ("https://[::1]", False),
        ("https://[fd00::1]", False),
        ("https://[::ffff:10.0.0.1]", False),
        ("", False),
        (None, False),
    ],
)
def test_an_upstream_on_the_internet_reaches_public_addresses_alone(url: str | None, is_so: bool) -> None:
    assert is_on_the_internet(url) == is_so
