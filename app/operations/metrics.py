"""Counters and histograms, named in one place; labels never hold what a caller wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

UPSTREAM_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
JOB_BUCKETS = (0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)

# Those that any route takes, or answers by saying which it takes.
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
OTHER_METHOD = "other"

MICROS_PER_USD = 1_000_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How everything stands when the page is asked for; what the tables tell is None while they are away.

    Attributes:
        parts: which parts answer; only those that this process has.
        open_jobs: jobs that have not ended, by state.
        backlog: rows of the work table that are due, by kind.
        nearly_spent: teams and keys with little left of their budgets, by which of both.
    """

    parts: Mapping[str, bool]
    open_jobs: Mapping[str, int] | None = None
    backlog: Mapping[str, int] | None = None
    nearly_spent: Mapping[str, int] | None = None


class Metrics:
    """What `/metrics` shows of this process, and of the tables when it is asked.

    Attributes:
        last_upstream_status: what came of the last call of the upstream, as `upstream_call` was told; None
            before the first.
    """

    last_upstream_status: str | None = None

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        # Series that every job passes are cached: to look one up by its labels costs more than to count.
        self._requests = cache(
            self._histogram(
                "request",
                "Time from a request's head to the end of its answer.",
                REQUEST_BUCKETS,
                *("route", "method", "status"),
            ).labels
        )
        self._upstream = cache(
            self._histogram(
                "upstream",
                "Time of one call of the upstream, by operation and status code (`fault` when none came).",
                UPSTREAM_BUCKETS,
                *("operation", "status"),
            ).labels
        )
        self._moves = cache(self._counter("job_moves", "Jobs that came into a state.", "state").labels)
        what = "Time from a job's recording to its end, by the state it ended in."
        self._ended = cache(self._histogram("job", what, JOB_BUCKETS, "state").labels)
        self._spent = self._counter("spent_usd", "What jobs that ended were charged, in US dollars.")
        what = "How long after its due time a row of the work table was taken up, by kind of work."
        self._lag = cache(self._histogram("work_lag", what, LAG_BUCKETS, "kind").labels)
        self._standing = _StandingMetrics(self.registry)
        self._is_limiting_alone = self._gauge(
            "fluxgate_rates_local",
            "1 while this process limits submits per minute by itself, because Redis is away.",
        )
        what = "Jobs that were recorded, by what the cache had for them."
        self._recorded = cache(self._counter("jobs_recorded", what, "cache").labels)
        self._unpriced = self._counter("jobs_unpriced", "Jobs that were recorded without a known price.")
        self._refused = self._counter("jobs_refused", "Jobs that a limit kept out.", "limit")
        self._webhooks = self._counter("upstream_webhooks", "Webhooks of the upstream.", "outcome")
        self._deliveries = self._histogram(
            "webhook",
            "Time of one try to deliver a webhook, by what came of it.",
            UPSTREAM_BUCKETS,
            "outcome",
        )
        self.vault = VaultMetrics(self.registry)
        self._spans = self._counter("trace_spans", "Spans of traces, by what became of them.", "outcome")

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"fluxgate_{name}_total", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"fluxgate_{name}_seconds", meaning, labels, buckets=buckets, registry=self.registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One answered request."""
        self._requests(route, _method_label(method), status).observe(seconds)

    def upstream_call(self, operation: str, status: str, seconds: float) -> None:
        """One call of the upstream."""
        self.last_upstream_status = status
        self._upstream(operation, status).observe(seconds)

    def moved(self, state: str) -> None:
        """One job that came into a state."""
        self._moves(state).inc()

    def ended(self, state: str, seconds: float, spent_micros: int | None) -> None:
        """One job that a look found ended, so long after it was recorded."""
        self._ended(state).observe(seconds)
        if spent_micros:
            self._spent.inc(spent_micros / MICROS_PER_USD)

    def recorded(self, cache: str, *, is_priced: bool) -> None:
        """One job that was recorded."""
        self._recorded(cache).inc()
        if not is_priced:
            self._unpriced.inc()

    def refused(self, limit: str) -> None:
        """One job that a limit kept out."""
        self._refused.labels(limit).inc()

    def webhook_heard(self, outcome: str) -> None:
        """One webhook of the upstream, or one that should have come and did not."""
        self._webhooks.labels(outcome).inc()

    def limits_alone(self, is_alone: bool) -> None:
        """Whether this process limits submits per minute by itself."""
        self._is_limiting_alone.set(is_alone)

    def taken_up(self, kind: str, lag_seconds: float) -> None:
        """One row of the work table that was claimed."""
        self._lag(kind).observe(lag_seconds)

    def delivered(self, outcome: str, seconds: float) -> None:
        """One try to deliver a webhook: `delivered`, `retried` later, or `failed` for good."""
        self._deliveries.labels(outcome).observe(seconds)

    def spans(self, outcome: str, number: int) -> None:
        """So many spans that were `sent` to the collector, or `dropped`."""
        self._spans.labels(outcome).inc(number)

    def page(self, standing: Standing) -> bytes:
        """The page in Prometheus' text format; what is unknown is left out."""
        self._standing.show(standing)
        return generate_latest(self.registry)


class _StandingMetrics:
    """What is asked for when the page is."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, label: str) -> Gauge:
            return Gauge(name, meaning, (label,), registry=registry)

        self._jobs = gauge("fluxgate_jobs_open", "Jobs that have not ended, by state.", "state")
        self._backlog = gauge(
            "fluxgate_work_backlog", "Rows of the work table that are due, by kind.", "kind"
        )
        self._nearly_spent = gauge(
            "fluxgate_budgets_nearly_spent",
            "Teams and keys that have spent or reserved nine tenths of their budget.",
            "scope",
        )
        self._parts = gauge("fluxgate_part_up", "Whether a part that this process has answers.", "part")

    def show(self, standing: Standing) -> None:
        """Takes these numbers in place of those of the last time."""
        _show(self._jobs, standing.open_jobs)
        _show(self._backlog, standing.backlog)
        _show(self._nearly_spent, standing.nearly_spent)
        _show(self._parts, standing.parts)


def _show(gauge: Gauge, numbers: Mapping[str, int] | None) -> None:
    gauge.clear()
    for label, number in (numbers or {}).items():
        gauge.labels(label).set(number)


class VaultMetrics:
    """What became of pictures that teams want kept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._pictures = Counter(
            "fluxgate_vault_pictures_total",
            "Pictures for the vault: kept, retried later, failed for good, purged after their time.",
            ("outcome",),
            registry=registry,
        )
        self._bytes = Counter(
            "fluxgate_vault_kept_bytes_total", "Bytes of the pictures that were kept.", registry=registry
        )

    def kept(self, size_bytes: int) -> None:
        """One picture that was copied."""
        self._pictures.labels("kept").inc()
        self._bytes.inc(size_bytes)

    def missing(self, outcome: str) -> None:
        """One picture that could not be copied: `retried` later, or `failed` for good."""
        self._pictures.labels(outcome).inc()

    def purged(self, pictures: int) -> None:
        """Pictures that the vault let go of."""
        if pictures:
            self._pictures.labels("purged").inc(pictures)


def _method_label(method: str) -> str:
    """Whatever word the server takes for a method would be a line for each route, and be kept for ever."""
    return method if method in METHODS else OTHER_METHOD
