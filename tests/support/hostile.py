"""Requests that no caller should send, read from a table; see `tests/hostile_input.yaml` for its form."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parent.parent / "hostile_input.yaml"
DEV = "/fal-ai/flux-1/dev"
UNKNOWN_ID = "0190a0b0-0000-7000-8000-000000000000"
# In place of an error_type: fal's list of problems; an answer of the HTTP server itself, or a page.
LIST = "list"
ANY = "any"


@dataclass(frozen=True)
class HostileRequest:
    """One row of the table.

    Attributes:
        id: the row of the catalogue that it belongs to, and a few words.
        request: the bytes; names in braces, `{key}` first of all, stand for what the test has made.
        statuses: those that are right.
        error_type: the name in the body and its header, or `LIST` or `ANY`.
        problem: of a list, the type of its first problem.
        is_whole: whether all is sent that was announced.
    """

    id: str
    request: bytes
    statuses: tuple[int, ...]
    error_type: str
    problem: str
    is_whole: bool

    @property
    def is_refused(self) -> bool:
        """Whether nothing may come of it."""
        return min(self.statuses) >= 400


def read_table() -> Iterator[HostileRequest]:
    """Every row, in the order of the file."""
    for row in yaml.load(TABLE.read_text(), yaml.CSafeLoader):
        statuses, _, named = str(row["answer"]).partition(" ")
        error_type, _, problem = named.partition(" ")
        yield HostileRequest(
            id=row["id"],
            request=_bytes_of(row["raw"]) if "raw" in row else _request(row),
            statuses=tuple(int(status) for status in statuses.split("/")),
            error_type=error_type,
            problem=problem,
            is_whole=row.get("length", 0) <= len(_bytes_of(row.get("body", ""))),
        )


def submit(body: bytes) -> bytes:
    """A well-formed submit with this body."""
    return _request({"body": body.decode("latin-1")})


def filled(request: bytes, names: Mapping[str, str]) -> bytes:
    """The request with names in place of their braces."""
    for name, value in names.items():
        request = request.replace(b"{%b}" % name.encode(), value.encode())
    return request


def _request(row: dict[str, Any]) -> bytes:
    """A request as HTTP frames it, but for what the row says otherwise."""
    line = _bytes_of(row.get("send", f"POST {DEV}"))
    lines = [line + b" HTTP/1.1", b"Host: gateway", b"Connection: close"]
    if (credential := row.get("auth", "Key {key}")) is not None:
        lines.append(b"Authorization: " + _bytes_of(credential))
    body = b""
    if "body" in row or "chunks" in row:
        body = _bytes_of(row["body"] if "body" in row else row["chunks"])
        declared = _bytes_of(row.get("type", "application/json"))
        length = row.get("length", len(body))
        lines += [b"Content-Type: " + declared] if declared else []
        lines.append(b"Transfer-Encoding: chunked" if "chunks" in row else b"Content-Length: %d" % length)
    lines += [_bytes_of(line) for line in row.get("headers", [])]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _bytes_of(parts: str | list[Any]) -> bytes:
    """One byte for each character of a text; `[text, 3]` is three times, another list is joined."""
    if isinstance(parts, str):
        return parts.encode("latin-1")
    match parts:
        case [part, int() as times]:
            return _bytes_of(part) * times
        case _:
            return b"".join(_bytes_of(part) for part in parts)
