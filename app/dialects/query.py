"""The query of a report's address, read strictly: what is unknown, repeated or wrong is said, all at once."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from starlette.requests import Request

from app.audit.period import Period, check_order, parse_moment, period_of
from app.errors import InvalidInput

Read = TypeVar("Read")

# As much of a wrong value as is shown again.
_SHOWN_CHARACTERS: Final = 100
_SHOWN_PROBLEMS: Final = 20


class Query:
    """Reads named values and collects what is wrong with them; `check` refuses the request for all of it.

    A form of ours sends its empty fields along: with `from_form` they are as if they were left out.
    """

    def __init__(self, request: Request, names: Collection[str], *, from_form: bool = False) -> None:
        self._problems: list[dict[str, Any]] = []
        self._values: dict[str, str] = {}
        seen = set()
        for name, value in request.query_params.multi_items():
            if from_form and not value.strip():
                continue
            if name not in names:
                self._add(name, value, "unknown", f"there is no such parameter; known: {_known(names)}")
            elif name in seen:
                self._values.pop(name, None)
                self._add(name, value, "repeated", "this parameter is taken once")
            else:
                seen.add(name)
                self._take(name, value)

    def check(self) -> None:
        """Lets the request pass when everything that was read is right.

        Raises:
            InvalidInput: with every problem that was found.
        """
        if self._problems:
            raise InvalidInput(self._problems)

    def text(self, name: str) -> str | None:
        """The value as it is."""
        return self._values.get(name)

    def read(self, name: str, parse: Callable[[str], Read]) -> Read | None:
        """What `parse` makes of the value; it says what is wrong by a ValueError."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            self._add(name, value, "value_error", str(error))
            return None

    def one_of(self, name: str, words: Collection[str]) -> str | None:
        """One of some words."""

        def parse(value: str) -> str:
            if value not in words:
                raise ValueError(f"write one of: {_known(words)}")
            return value

        return self.read(name, parse)

    def count(self, name: str, *, most: int, default: int) -> int:
        """A whole number from 1 on."""

        def parse(value: str) -> int:
            is_number = value.isascii() and value.isdecimal() and len(value) <= len(str(most))
            if not is_number or not 1 <= int(value) <= most:
                raise ValueError(f"write a whole number from 1 to {most}")
            return int(value)

        number = self.read(name, parse)
        return default if number is None else number

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """The moments of `from` and `to`, each as far as it is said."""
        starts_at, ends_at = self.read("from", parse_moment), self.read("to", parse_moment)
        self._try("from", lambda: check_order(starts_at, ends_at))
        return starts_at, ends_at

    def period(self) -> Period | None:
        """The period between `from` and `to`; the present month where nothing is said."""
        starts_at, ends_at = self.read("from", parse_moment), self.read("to", parse_moment)
        return self._try("from", lambda: period_of(starts_at, ends_at, now=datetime.now(UTC)))

    def _try(self, name: str, decide: Callable[[], Read]) -> Read | None:
        """What several values together are; not asked when one of them is wrong by itself."""
        if self._problems:
            return None
        try:
            return decide()
        except ValueError as error:
            self._add(name, self._values.get(name, ""), "value_error", str(error))
            return None

    def _take(self, name: str, value: str) -> None:
        if not value:
            self._add(name, value, "empty", "write a value, or leave the parameter out")
        elif "\0" in value:
            self._add(name, value, "string_contains_nul", "a NUL character cannot be looked for")
        else:
            self._values[name] = value

    def _add(self, name: str, value: str, kind: str, message: str) -> None:
        if len(self._problems) == _SHOWN_PROBLEMS:
            return
        shown_name, shown_value = name[:_SHOWN_CHARACTERS], value[:_SHOWN_CHARACTERS]
        loc = ["query", shown_name]
        self._problems.append(
            {"loc": loc, "msg": f"{shown_name}: {message}", "type": kind, "input": shown_value}
        )


def _known(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
