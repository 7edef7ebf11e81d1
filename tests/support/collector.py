"""An OpenTelemetry collector for tests: takes OTLP over HTTP, and tells what came."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.receiver import Receiver, receiving
from tests.support.waiting import until


@dataclass(frozen=True)
class Told:
    """One span as it came; ids in hexadecimal."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, object]
    seconds: float
    is_error: bool


class Collector:
    """What has come to the receiver of an address for traces."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.url = receiver.address

    def bodies(self) -> list[bytes]:
        """The bodies that were taken, unpacked."""
        return [gzip.decompress(request.body) for request in self.receiver.requests]

    def spans(self) -> list[Told]:
        """Every span so far."""
        return [
            _told(span)
            for body in self.bodies()
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def trace(self, trace_id: str, *names: str) -> list[Told]:
        """The spans of one trace, as soon as these are among them."""

        def found() -> list[Told] | None:
            spans = [span for span in self.spans() if span.trace_id == trace_id]
            return spans if {span.name for span in spans} >= set(names) else None

        spans = until(found)
        assert spans is not None
        return spans


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""
    with receiving() as receiver:
        yield Collector(receiver)


def _told(span: Span) -> Told:
    values = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}
    return Told(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=values,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        is_error=span.status.code == 2,
    )
