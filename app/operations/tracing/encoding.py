"""Spans in OpenTelemetry's own form. It alone needs the extra `traces`, and is loaded where they are on."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.operations.tracing.step import Kind, Span, Value

KINDS: Final[Mapping[Kind, SpanKind]] = MappingProxyType(
    {Kind.INTERNAL: SpanKind.INTERNAL, Kind.SERVER: SpanKind.SERVER, Kind.CLIENT: SpanKind.CLIENT}
)
SCOPE: Final = InstrumentationScope("fluxgate")


def encoder_of(origin: Mapping[str, Value]) -> Callable[[Sequence[Span]], bytes]:
    """What turns spans of this process into the body of a request to a collector."""
    resource = Resource(dict(origin))

    def encode(spans: Sequence[Span]) -> bytes:
        body: bytes = encode_spans([_readable(span, resource) for span in spans]).SerializeToString()
        return body

    return encode


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    above = None if span.parent_id is None else _place(span.trace_id, span.parent_id, is_remote=True)
    attributes = dict(span.attributes)
    if span.error is not None:
        attributes["error.type"] = span.error
    return ReadableSpan(
        span.name,
        context=_place(span.trace_id, span.span_id, is_remote=False),
        parent=above,
        resource=resource,
        attributes=attributes,
        kind=KINDS[span.kind],
        status=Status(StatusCode.UNSET if span.error is None else StatusCode.ERROR),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def _place(trace_id: int, span_id: int, *, is_remote: bool) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))
