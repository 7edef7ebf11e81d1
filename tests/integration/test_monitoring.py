"""What the dashboard and the alert rules ask for is what a gateway tells."""

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import StartGateway
from tests.support.caller import DEV
from tests.support.clocks import until_today_has_room
from tests.support.gateway import Gateway, make_keys
from tests.support.monitoring import expressions, series_in
from tests.support.receiver import receiving
from tests.support.vault import wants
from tests.support.waiting import until

# Labels that Prometheus adds, and that of a bucket.
OTHERS = {"job", "instance", "le"}


def test_every_metric_that_is_asked_for_is_told_and_those_of_a_job_are_right(
    start_gateway: StartGateway, prompt: str
) -> None:
    with receiving() as receiver:
        gateway = start_gateway(webhook_allowed_hosts="127.0.0.1", traces_url=receiver.address)
        caller = gateway.caller()
        wants(gateway.database, caller)
        caller.post(DEV, params={"fal_webhook": receiver.address}, json={"prompt": prompt})
        gateway.database.rows("UPDATE allowances SET max_in_flight = 0")
        assert caller.submit(prompt).status_code == 429
        for metric in ("webhook_seconds_count", "vault_pictures_total", "trace_spans_total"):
            until(lambda: gateway.metric(f"fluxgate_{metric}"))  # noqa: B023 # called at once
        told = labels_of(gateway)
    until(lambda: gateway.metric("fluxgate_job_seconds_count"))
    cost = gateway.database.value("SELECT sum(cost_micros)::bigint FROM jobs")
    assert cost
    assert gateway.metric("fluxgate_spent_usd_total") == cost / 1_000_000
    assert gateway.metric('fluxgate_job_seconds_sum{state="succeeded"}') > 0
    for expression in expressions():
        for name, labels in series_in(expression):
            assert name in told, expression
            assert labels - OTHERS <= told[name], expression


def labels_of(gateway: Gateway) -> dict[str, set[str]]:
    """The samples on the page with their labels; a counter that has none yet, with those that ours have."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(gateway.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
        if not family.samples:
            found[f"{family.name}_total"] = {"outcome", "state", "cache"}
    return found


def test_budgets_that_are_nearly_spent_are_counted(start_gateway: StartGateway) -> None:
    gateway = start_gateway("--no-worker")
    make_keys(gateway.database, 3)
    standing = """
        UPDATE allowances SET budget_micros = 1000, reserved_micros = 50,
            budget_period = $1, spent_micros = $2, window_start = $3::text::timestamptz WHERE scope = $4
    """
    until_today_has_room()
    gateway.database.rows(standing, "month", 850, "now", "team")
    gateway.database.rows(standing, "day", 849, "now", "key")
    assert gateway.metric('fluxgate_budgets_nearly_spent{scope="team"}') == 1
    assert gateway.metric('fluxgate_budgets_nearly_spent{scope="key"}') == 0
    gateway.database.rows(standing, "total", 900, "-infinity", "key")
    assert gateway.metric('fluxgate_budgets_nearly_spent{scope="key"}') == 3
    gateway.database.rows(standing, "month", 999, "2024-01-01", "team")
    assert gateway.metric('fluxgate_budgets_nearly_spent{scope="team"}') == 0
    assert gateway.metric('fluxgate_part_up{part="postgres"}') == 1
    assert 'part="worker"' not in gateway.get("/metrics").text
