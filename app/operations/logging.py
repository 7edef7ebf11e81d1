"""Structured logs: one JSON object a line, or coloured text on a terminal."""

import logging
import sys
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import Processor  # noqa: TC002 # annotations of variables are read at run time

LogFormat = Literal["auto", "json", "console"]


def configure_logging(log_format: LogFormat, level: str) -> None:
    """Sets up structlog, and sends what libraries log the same way; called once, by the command line."""
    as_text = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderers: list[Processor] = (
        # Where `rich` is installed, its default shows the values of variables, and they hold credentials.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if as_text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dumps)]
    )
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(
        handlers=[handler], level=max(logging.WARNING, getattr(logging, level.upper())), force=True
    )


def _dumps(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
