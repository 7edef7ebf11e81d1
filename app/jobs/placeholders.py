"""How the statements of many jobs name their values, which come as one array per column. Pure.

Values are taken out of the arrays where they are needed: rows that have them all, handed from part to part of
a statement, took a sixth of its time. Of one job alone the values themselves are given.
"""

from collections.abc import Mapping


def alone(columns: Mapping[str, str]) -> dict[str, str]:
    """The values of one job; `columns` are their names and types, in the order in which they are given."""
    return {name: f"${number}::{kind}" for number, (name, kind) in enumerate(columns.items(), 1)}


def arrays(columns: Mapping[str, str]) -> dict[str, str]:
    """The values of all jobs."""
    return {name: f"{value}[]" for name, value in alone(columns).items()}


def values_at(columns: Mapping[str, str], place: str) -> dict[str, str]:
    """The values of the job at a place, which counts from one."""
    return {name: f"({array})[{place}]" for name, array in arrays(columns).items()}
