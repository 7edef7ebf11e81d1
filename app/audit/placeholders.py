"""Statements that are put together from the conditions that somebody asked for."""


class Placeholders:
    """The values of one statement, in the order of their numbers; the text itself never holds a value."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def add(self, value: object) -> str:
        """What stands in the statement for a value: `$1`, `$2` and so on."""
        self.values.append(value)
        return f"${len(self.values)}"
