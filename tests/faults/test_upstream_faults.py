"""What the upstream does to jobs that wait for it, or that it has: away, slow, dripping, huge, lying."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.conftest import StartGateway
from tests.support.accounts import differences
from tests.support.faulty_upstream import faulty
from tests.support.waiting import until

WAITING = "SELECT count(*) FROM jobs WHERE state IN ('accepted', 'submitting')"
HURRY_ALL = "UPDATE work SET due_at = now() WHERE kind = 'follow' AND NOT is_leased"


def test_what_waited_for_an_outage_to_end_goes_out_once_and_not_all_at_once(
    start_gateway: StartGateway, on_exit: ExitStack, prompt: str
) -> None:
    """Hypothesis: nothing is lost and nothing doubled, places are bounded, and who has one keeps it."""
    upstream = on_exit.enter_context(faulty())
    upstream.seconds = 0.15
    gateway = start_gateway(upstream_url=upstream.address, accepted_backlog_limit="60")
    caller = gateway.caller()
    with upstream.away():
        with ThreadPoolExecutor(8) as threads:
            jobs = list(threads.map(caller.job, [f"{prompt} {number}" for number in range(60)]))
        refused = caller.submit(prompt)
        assert (refused.status_code, refused.json()["error_type"]) == (503, "upstream_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert gateway.process.events("upstream.away")
        gateway.process.stop()
        # What is promised is kept, though fewer may wait by now.
        narrow = start_gateway(upstream_url=upstream.address, accepted_backlog_limit="1", accepted_slots="4")
        narrow.database.rows(HURRY_ALL)
        until(lambda: narrow.process.events("upstream.away"), 40)
        assert narrow.database.value(WAITING) == 60
    until(lambda: narrow.process.events("upstream.back"), 40)
    narrow.database.rows(HURRY_ALL)
    until(lambda: narrow.database.value(WAITING) == 0, 60)
    for number, job_id in enumerate(jobs):
        narrow.database.wait(job_id, "succeeded")
        assert upstream.whole(f'{prompt} {number}"') == 1
    assert len(upstream.submits) == 60
    assert 2 <= upstream.most_open_submits <= 4
    assert differences(narrow.database) == []
