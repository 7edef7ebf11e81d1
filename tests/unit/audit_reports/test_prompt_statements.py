"""Whoever looks for words sees no more than in a plain list, whichever way the jobs are found."""

from functools import partial
from uuid import UUID

import pytest

from app.audit import prompt_statements
from app.audit.job_filters import JobFilters, Sight

TEAM, KEY, TOKEN, BEFORE = (UUID(int=number) for number in range(1, 5))
FILTERS = JobFilters(state="failed", model="m", key="k", end_user="u", words=("cat",))


@pytest.mark.parametrize("name", ["near", "far", "walk"])
def test_every_bound_is_in_the_statement(name: str) -> None:
    far = partial(prompt_statements.far, is_walk=name == "walk")
    find = prompt_statements.near if name == "near" else far
    statement, values = find(
        Sight(TEAM, KEY, TOKEN), FILTERS, "'cat'", before=BEFORE, limit=7, grace_seconds=9
    )
    for bound, value in (
        ("j.team_id", TEAM),
        ("j.key_id", KEY),
        ("j.token_id", TOKEN),
        ("j.model", "m"),
        ("j.end_user", "u"),
    ):
        assert f"{bound} = ${list(values).index(value) + 1}" in statement
    assert "j.state = 'failed'" in statement
    assert {"k", "'cat'", BEFORE, 7} <= {value for value in values if not isinstance(value, list)}


@pytest.mark.parametrize(
    ("found", "limit", "is_worth"),
    [(0, 50, False), (4, 50, False), (5, 50, True), (17, 50, True), (49, 50, True)],
)
def test_a_stretch_is_walked_where_that_may_fill_the_page(found: int, limit: int, is_worth: bool) -> None:
    assert prompt_statements.is_worth_a_walk(found, limit) == is_worth
