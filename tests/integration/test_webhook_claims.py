"""Who may deliver which webhook, and who may write about it, asked of PostgreSQL itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from app.storage.postgres import Database as AppDatabase
from app.webhooks.delivery import ClaimedDelivery, DeliveryState, Tried, Verdict
from app.webhooks.repository import WebhookRepository
from tests.support.database import Database
from tests.support.history import with_app_database

TEAM = uuid4()
LARGE, SMALL = "https://large.example/", "https://small.example/"
OK = Tried(200, None, 5)
DELIVERED = Verdict(DeliveryState.DELIVERED, None)
OTHER_TEAM = uuid4()
NONE_BUSY: Mapping[str, int] = {}
NONE_HELD: Mapping[UUID, int] = {}

OWE = """
    WITH owed AS (
        INSERT INTO deliveries (job_id, team_id, url, state, created_at)
        SELECT gen_random_uuid(), $1, $2, 'pending', now() FROM generate_series(1, $3::int) RETURNING job_id
    )
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased, lane)
    SELECT 'deliver', job_id, now() - make_interval(secs => $4), 0, 0, false,
        substring($2 FROM '://([^/]+)')
    FROM owed
"""

# The jobs behind all that is owed to one address, each answered by a result of its own or by the given one.
ENDED = """
    WITH ended AS (
        INSERT INTO jobs (id, team_id, key_id, model, state, created_at, source_job_id)
        SELECT job_id, team_id, gen_random_uuid(), 'a model', 'succeeded', now(), $2
        FROM deliveries WHERE url = $1 RETURNING id
    )
    INSERT INTO job_results (job_id, status_code, headers, body)
    SELECT DISTINCT COALESCE($2, id), 200, '{}', convert_to(repeat('x', $3), 'UTF8') FROM ended
"""


def owe(
    database: Database, url: str, number: int = 1, *, late_seconds: float = 1.0, team_id: UUID = TEAM
) -> None:
    """Webhooks to one address that are due for so long."""
    database.rows(OWE, team_id, url, number, late_seconds)


def ended(database: Database, url: str, size: int, source_id: UUID | None = None) -> None:
    """The jobs behind all webhooks to one address have ended with a result of so many bytes."""
    database.rows(ENDED, url, source_id, size)


def asked(database: Database, lease_seconds: float = 30.0) -> "Asker":
    return Asker(database, lease_seconds)


class Asker:
    """A process that asks the repository, one question at a time."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database, self._lease_seconds = database, lease_seconds

    def claim(
        self,
        limit: int = 100,
        *,
        per_host: int = 8,
        busy: Mapping[str, int] = NONE_BUSY,
        held: Mapping[UUID, int] = NONE_HELD,
        room_bytes: int = 60_000_000,
    ) -> Sequence[ClaimedDelivery]:
        async def ask(database: AppDatabase) -> Sequence[ClaimedDelivery]:
            return await self._on(database).claim_due(
                limit, per_host=per_host, busy=busy, held=held, room_bytes=room_bytes
            )

        claimed: Sequence[ClaimedDelivery] = with_app_database(self._database, ask)
        return claimed

    def write(self, claimed: ClaimedDelivery, tried: Tried, verdict: Verdict) -> bool:
        async def ask(database: AppDatabase) -> bool:
            return await self._on(database).write(claimed, tried, verdict)

        return bool(with_app_database(self._database, ask))

    def repeat(self, job_id: UUID, team_id: UUID = TEAM) -> object:
        async def ask(database: AppDatabase) -> object:
            return await self._on(database).repeat(team_id, job_id, kept_seconds=None)

        return with_app_database(self._database, ask)

    def _on(self, database: AppDatabase) -> WebhookRepository:
        return WebhookRepository(database, lease_seconds=self._lease_seconds)


def tries(database: Database) -> int:
    return int(database.value("SELECT count(*) FROM delivery_attempts"))


def test_what_is_claimed_is_nobody_else_s_until_the_lease_is_over(database: Database) -> None:
    owe(database, "https://a.example/", 3)
    assert len(asked(database).claim()) == 3
    assert asked(database).claim() == []
    database.rows("UPDATE work SET due_at = now()")
    again = asked(database).claim()
    assert {claimed.epoch for claimed in again} == {2}


def test_those_that_have_waited_longest_come_first(database: Database) -> None:
    owe(database, "https://late.example/", late_seconds=60)
    owe(database, "https://new.example/", late_seconds=1)
    [first] = asked(database).claim(1)
    assert first.host == "late.example"
    assert 60 <= first.lag_seconds < 600


def test_what_is_not_due_is_not_claimed(database: Database) -> None:
    owe(database, "https://a.example/", late_seconds=-60)
    assert asked(database).claim() == []


def test_no_receiver_gets_more_than_its_share(database: Database) -> None:
    owe(database, "https://many.example/", 50, late_seconds=60)
    owe(database, "https://few.example/", 2)
    hosts = Counter(claimed.host for claimed in asked(database).claim(per_host=3))
    assert hosts == {"many.example": 3, "few.example": 2}


def test_those_under_way_count_for_the_share(database: Database) -> None:
    owe(database, "https://full.example/", 5, late_seconds=60)
    owe(database, "https://half.example/", 5)
    owe(database, "https://free.example/", 5)
    claimed = asked(database).claim(per_host=3, busy={"full.example": 3, "half.example": 2})
    assert Counter(one.host for one in claimed) == {"half.example": 1, "free.example": 3}


def test_a_full_receiver_does_not_use_up_the_limit_of_others(database: Database) -> None:
    owe(database, "https://full.example/", 500, late_seconds=60)
    owe(database, "https://free.example/", 5)
    claimed = asked(database).claim(5, busy={"full.example": 8})
    assert Counter(one.host for one in claimed) == {"free.example": 5}


def test_however_many_wait_for_a_full_receiver_others_are_found(database: Database) -> None:
    owe(database, "https://full.example/", 20_000, late_seconds=60)
    owe(database, "https://free.example/", 5)
    claimed = asked(database).claim(busy={"full.example": 8})
    assert Counter(one.host for one in claimed) == {"free.example": 5}


def test_a_team_with_many_receivers_does_not_keep_others_waiting(database: Database) -> None:
    for number in range(50):
        owe(database, f"https://{number}.example/", late_seconds=60)
    owe(database, "https://other.example/", 2, team_id=OTHER_TEAM)
    claimed = asked(database).claim(4)
    assert Counter(one.team_id for one in claimed) == {TEAM: 2, OTHER_TEAM: 2}


def test_those_under_way_count_for_a_teams_turn(database: Database) -> None:
    for number in range(50):
        owe(database, f"https://{number}.example/", late_seconds=60)
    owe(database, "https://other.example/", 5, team_id=OTHER_TEAM)
    claimed = asked(database).claim(3, held={TEAM: 10, OTHER_TEAM: 2})
    assert Counter(one.team_id for one in claimed) == {OTHER_TEAM: 3}


def test_large_results_are_taken_while_there_is_room_and_small_ones_pass_by(database: Database) -> None:
    owe(database, LARGE, 5, late_seconds=60)
    ended(database, LARGE, 100_000)
    owe(database, SMALL, 5)
    ended(database, SMALL, 1_000)
    claimed = asked(database).claim(room_bytes=200_001)
    assert Counter(one.url for one in claimed) == {LARGE: 3, SMALL: 5}
    assert {(one.url, one.large_bytes) for one in claimed} == {(LARGE, 100_000), (SMALL, 0)}
    assert asked(database).claim(room_bytes=0) == []
    # One that is larger than all the room there is goes alone.
    assert len(asked(database).claim(room_bytes=1)) == 1


def test_no_larger_room_is_needed_for_those_that_have_waited_longest(database: Database) -> None:
    for url, late_seconds, size in ((LARGE, 60, 200_000), ("https://later.example/", 1, 70_000)):
        owe(database, url, 2, late_seconds=late_seconds)
        ended(database, url, size)
    claimed = asked(database).claim(room_bytes=150_000)
    assert Counter(one.url for one in claimed) == {LARGE: 1}


def test_a_result_of_another_job_takes_as_much_room(database: Database) -> None:
    owe(database, LARGE, 5)
    ended(database, LARGE, 100_000, uuid4())
    assert len(asked(database).claim(room_bytes=150_000)) == 2


def test_teams_take_turns_with_the_room(database: Database) -> None:
    owe(database, LARGE, 5, late_seconds=60)
    ended(database, LARGE, 100_000)
    owe(database, "https://other.example/", 5, team_id=OTHER_TEAM)
    ended(database, "https://other.example/", 100_000)
    claimed = asked(database).claim(room_bytes=200_000)
    assert Counter(one.team_id for one in claimed) == {TEAM: 1, OTHER_TEAM: 1}


def test_whoever_lost_the_lease_writes_nothing(database: Database) -> None:
    owe(database, "https://a.example/")
    [stalled] = asked(database).claim()
    database.rows("UPDATE work SET due_at = now()")
    [owner] = asked(database).claim()
    assert not asked(database).write(stalled, OK, DELIVERED)
    assert tries(database) == 0
    assert asked(database).write(owner, OK, DELIVERED)
    assert not asked(database).write(owner, OK, DELIVERED)
    assert tries(database) == 1
    assert database.value("SELECT count(*) FROM work") == 0


def test_whoever_stalled_before_a_repeat_does_not_write_about_it(database: Database) -> None:
    owe(database, "https://a.example/")
    [stalled] = asked(database).claim()
    database.rows("UPDATE work SET due_at = now()")
    [owner] = asked(database).claim()
    asked(database).write(owner, OK, DELIVERED)
    assert asked(database).repeat(owner.job_id)
    asked(database).claim()
    assert not asked(database).write(stalled, OK, DELIVERED)
    assert database.value("SELECT count(*) FROM work") == 1


def test_a_failed_try_is_put_off_and_the_next_one_knows_of_it(database: Database) -> None:
    owe(database, "https://a.example/")
    [claimed] = asked(database).claim()
    failed = Tried(None, "the receiver could not be reached", 7)
    assert asked(database).write(claimed, failed, Verdict(DeliveryState.PENDING, 30.0))
    [row] = database.rows("SELECT extract(epoch FROM due_at - now())::float8 AS due_in, * FROM work")
    assert 0 < row["due_in"] <= 30
    assert (row["attempts"], row["is_leased"]) == (1, False)
    [kept] = database.rows("SELECT * FROM deliveries")
    assert (kept["state"], kept["attempts"], kept["last_error"]) == ("pending", 1, failed.error)


def test_a_repeat_leaves_one_that_is_under_way_to_its_owner(database: Database) -> None:
    owe(database, "https://a.example/")
    [claimed] = asked(database).claim()
    assert asked(database).repeat(claimed.job_id)
    assert asked(database).claim() == []
    assert asked(database).write(claimed, OK, DELIVERED)


def test_another_team_s_repeat_sends_nothing(database: Database) -> None:
    owe(database, "https://a.example/")
    [claimed] = asked(database).claim()
    asked(database).write(claimed, OK, DELIVERED)
    assert asked(database).repeat(claimed.job_id, uuid4()) is None
    assert database.value("SELECT count(*) FROM work") == 0
    assert database.value("SELECT state FROM deliveries") == "delivered"
