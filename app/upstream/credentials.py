"""The only module that sees the upstream key."""

from collections.abc import Mapping
from dataclasses import replace

import httpx
from pydantic import SecretStr

from app.upstream.transport import Answer

HIDDEN = b"***"
# What is shorter is no secret, and would be found in innocent words.
SHORTEST_KEY_LENGTH = 16


class Credentials:
    """Adds the upstream key to a request's headers and shows it nowhere else."""

    def __init__(self, key: SecretStr, auth_scheme: str) -> None:
        whole = key.get_secret_value()
        # fal's keys are an id, a colon and a secret, and who quotes one may quote the secret alone.
        self._secrets = [
            part.encode()
            for part in dict.fromkeys((whole, whole.rpartition(":")[2]))
            if len(part) >= SHORTEST_KEY_LENGTH
        ]
        self._authorization = f"{auth_scheme} {key.get_secret_value()}"

    def sign(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with the upstream's credential among them."""
        return {**headers, "authorization": self._authorization}

    def hide(self, answer: Answer) -> Answer:
        """The answer without the key, should the upstream say it: what it refuses, it likes to quote."""
        told = b" ".join([value for _, value in answer.headers.raw])
        for secret in self._secrets:
            if secret in told:
                pairs = [(name, value.replace(secret, HIDDEN)) for name, value in answer.headers.raw]
                answer = replace(answer, headers=httpx.Headers(pairs))
            if secret in answer.body:
                answer = replace(answer, body=answer.body.replace(secret, HIDDEN))
        return answer

    def __repr__(self) -> str:
        return "Credentials(**********)"
