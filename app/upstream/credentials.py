"""The only module that sees the upstream key."""

from collections.abc import Mapping
from dataclasses import replace

import httpx
from pydantic import SecretStr

from app.upstream.transport import Answer

HIDDEN = b"***"
# What is shorter is no secret, and would be found in innocent words.
SHORTEST_KEY_BYTES = 16


class Credentials:
    """Adds the upstream key to a request's headers and shows it nowhere else."""

    def __init__(self, key: SecretStr, auth_scheme: str) -> None:
        self._key = key.get_secret_value().encode()
        self._authorization = f"{auth_scheme} {key.get_secret_value()}"

    def sign(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with the upstream's credential among them."""
        return {**headers, "authorization": self._authorization}

    def hide(self, answer: Answer) -> Answer:
        """The answer without the key, should the upstream say it: what it refuses, it likes to quote."""
        if len(self._key) < SHORTEST_KEY_BYTES:
            return answer
        if self._key in b" ".join([value for _, value in answer.headers.raw]):
            pairs = [(name, value.replace(self._key, HIDDEN)) for name, value in answer.headers.raw]
            answer = replace(answer, headers=httpx.Headers(pairs))
        if self._key not in answer.body:
            return answer
        return replace(answer, body=answer.body.replace(self._key, HIDDEN))

    def __repr__(self) -> str:
        return "Credentials(**********)"
