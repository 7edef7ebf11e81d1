"""Whoever looks for words sees no more than in a plain list, whichever way the jobs are found."""

from uuid import UUID

import pytest

from app.audit import prompt_statements
from app.audit.job_filters import JobFilters, Sight

TEAM, KEY, TOKEN, BEFORE = (UUID(int=number) for number in range(1, 5))
FILTERS = JobFilters(state="failed", model="m", key="k", end_user="u", words=("cat",))


@pytest.mark.parametrize("name", ["near", "far"])
def test_every_bound_is_in_the_statement(name: str) -> None:
    find = prompt_statements.near if name == "near" else prompt_statements.far
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
