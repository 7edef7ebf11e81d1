from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstream.headers import LONGEST_WAIT_SECONDS, retry_after_seconds, to_caller, to_upstream


def test_only_the_documented_submit_headers_go_upstream() -> None:
    sent = [
        ("Authorization", "Key mine"),
        ("Cookie", "a=b"),
        ("X-Fal-Queue-Priority", "low"),
        ("x-fal-store-io", "0"),
        ("X-Fal-Target-Url", "https://evil.example"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("x-fal-runner-hint", "x" * 5000),
    ]
    assert to_upstream(sent) == {"x-fal-queue-priority": "low", "x-fal-store-io": "0"}


def test_only_the_documented_result_headers_come_back() -> None:
    sent = [
        ("Set-Cookie", "a=b"),
        ("Server", "fal"),
        ("X-Fal-Billable-Units", "2"),
        ("content-type", "application/json"),
    ]
    assert to_caller(sent) == {"x-fal-billable-units": "2", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("5", 5.0),
        ("2.5", 2.5),
        ("-3", 0.0),
        ("1000000000", LONGEST_WAIT_SECONDS),
        ("soon", None),
        ("nan", None),
        ("inf", LONGEST_WAIT_SECONDS),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_SECONDS),
    ],
)
def test_retry_after_is_clamped(value: str, expected: float | None) -> None:
    assert retry_after_seconds({"retry-after": value}) == expected


def test_retry_after_may_be_a_date() -> None:
    seconds = retry_after_seconds({"retry-after": formatdate(4_000_000_000, usegmt=True)})
    assert seconds == LONGEST_WAIT_SECONDS


@given(st.text())
def test_no_retry_after_breaks_anything(value: str) -> None:
    seconds = retry_after_seconds({"retry-after": value})
    assert seconds is None or 0.0 <= seconds <= LONGEST_WAIT_SECONDS
