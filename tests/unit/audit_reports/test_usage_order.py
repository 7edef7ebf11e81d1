import pytest

from app.audit.usage_order import Order, parse_order, sortable

GROUPS = ("day", "end_user")


@pytest.mark.parametrize("text", ["", "-", "--jobs", "team", "key_id", "jobs ", "JOBS", "cost_usd,jobs"])
def test_what_is_no_column_of_the_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one of day, end_user, jobs"):
        parse_order(text, GROUPS)


def test_an_order_says_itself_as_it_is_written() -> None:
    for text in ("jobs", "-cost_usd"):
        assert str(parse_order(text, GROUPS)) == text
    assert Order("jobs") == parse_order("jobs", GROUPS)


def test_nobody_sorts_by_an_id() -> None:
    assert sortable(("team", "key"))[:3] == ["team", "key", "jobs"]
