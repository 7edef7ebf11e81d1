"""What is kept with a job beside the headers for the upstream never gets there."""

from app.jobs.columns import headers_in


def test_where_a_trace_is_kept_is_no_header_for_the_upstream() -> None:
    assert headers_in('{"x-fal-no-retry":"1","traceparent":"00-1-2-01"}') == {"x-fal-no-retry": "1"}
    assert headers_in("{}") == {}
