"""The addresses of uploaded files: how they are written, and where an input names them. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

FILES_PATH: Final = "/files/"
NAME_LENGTH: Final = 100
ID_LENGTH: Final = 36

_WORDS: Final = re.compile(r"\s")
_REST: Final = re.compile(r"(?P<id>[^/]+)/(?P<name>[^/]+)")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A place in an input that holds the address of one of our files.

    Attributes:
        path: the keys and positions that lead there.
        file_id: None where no file of ours can have such an address.
    """

    path: Path
    address: str
    file_id: UUID | None


def files_url(public_url: str) -> str:
    """What the addresses of all our files begin with."""
    return public_url + FILES_PATH


def address_of(public_url: str, file_id: UUID, file_name: str) -> str:
    """Where a file can be fetched. The id cannot be guessed; the name is there for people."""
    return f"{files_url(public_url)}{file_id}/{quote(file_name, safe='')}"


def clean_name(given: str | None, content_type: str) -> str:
    """A file's name as it is kept: the last part of what the caller calls it, without what no name needs."""
    last = (given or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in last if letter.isprintable())[:NAME_LENGTH].strip()
    # Clients take segments of dots for steps up the path.
    return name if name.strip(".") else f"picture.{content_type.rpartition('/')[2]}"


def named_files(given: Any, prefix: str) -> list[NamedFile]:  # noqa: ANN401 # parsed JSON
    """Every string within the input that is an address of our files, wherever it stands.

    A sentence that begins with one is a sentence.
    """
    return [
        NamedFile(path, text, _file_id(text.removeprefix(prefix)))
        for path, text in _texts(given, ())
        if text.startswith(prefix) and not _WORDS.search(text)
    ]


def replaced(given: Any, by_address: Mapping[str, str]) -> Any:  # noqa: ANN401 # parsed JSON
    """The input with other texts in place of these addresses."""
    match given:
        case str():
            return by_address.get(given, given)
        case dict():
            return {name: replaced(value, by_address) for name, value in given.items()}
        case list():
            return [replaced(value, by_address) for value in given]
    return given


def _texts(given: Any, path: Path) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 # parsed JSON
    match given:
        case str():
            yield path, given
        case dict():
            for name, value in given.items():
                yield from _texts(value, (*path, name))
        case list():
            for place, value in enumerate(given):
                yield from _texts(value, (*path, place))


def _file_id(rest: str) -> UUID | None:
    """The id at the start of what follows the prefix, when it is written as we write ids."""
    found = _REST.fullmatch(rest)
    return parse_file_id(found["id"]) if found and found["name"].strip(".") else None


def parse_file_id(text: str) -> UUID | None:
    """The id, when it is written as we write ids."""
    if len(text) != ID_LENGTH:
        return None
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text else None
