"""What a `traceparent` says, and where a job's steps hang when there is none."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from app.operations.tracing.parent import Parent, is_chosen, own_trace, parent_in, read_parent, span_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", True),
    ],
)
def test_what_holds_is_read(text: str, *, is_sampled: bool) -> None:
    assert read_parent(text) == Parent(int(TRACE, 16), int(SPAN, 16), is_sampled=is_sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 300}",
        f"cc-{TRACE}-{SPAN}-01.what",
    ],
)
def test_what_does_not_hold_is_ignored(text: str) -> None:
    assert read_parent(text) is None


@given(st.text(max_size=80))
def test_no_text_is_a_fault(text: str) -> None:
    assert read_parent(text) is None or text[:2] != "ff"


def test_what_is_written_is_read_again() -> None:
    parent = Parent(1, 2, is_sampled=True)
    assert read_parent(str(parent)) == parent


def test_several_headers_say_nothing() -> None:
    header = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    assert parent_in([(b"accept", b"*/*"), header]) is not None
    assert parent_in([header, header]) is None
    assert parent_in([]) is None


def test_a_jobs_own_trace_has_its_id() -> None:
    job_id = UUID("01a21847-a4f2-70f8-8956-0080b1778498")
    own = own_trace(job_id, 1.0)
    assert (f"{own.trace_id:032x}", f"{own.span_id:016x}") == (job_id.hex, job_id.hex[16:])
    assert own.span_id == span_of(job_id)


def test_the_share_of_jobs_that_is_traced_is_what_was_asked_for() -> None:
    ids = [uuid7().int for _ in range(4000)]
    assert not any(is_chosen(trace_id, 0.0) for trace_id in ids)
    assert all(is_chosen(trace_id, 1.0) for trace_id in ids)
    assert 0.15 < sum(is_chosen(trace_id, 0.2) for trace_id in ids) / len(ids) < 0.25
