"""Which lines of a job's logs an event of its stream holds."""

import orjson
import pytest

from app.dialects.status_stream import lines_after


@pytest.mark.parametrize(
    ("logs", "already", "fresh", "in_all"),
    [
        ([], 0, [], 0),
        (["a", "b"], 0, ["a", "b"], 2),
        (["a", "b", "c"], 2, ["c"], 3),
        (["a", "b"], 2, [], 2),
        (["a"], 2, [], 2),
        ({"not": "a list"}, 1, {"not": "a list"}, 1),
    ],
)
def test_each_line_is_said_once(logs: object, already: int, fresh: object, in_all: int) -> None:
    said, number = lines_after(orjson.dumps(logs), already)
    assert (orjson.loads(said), number) == (fresh, in_all)
