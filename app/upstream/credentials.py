"""The only module that sees the upstream key."""

from collections.abc import Mapping

from pydantic import SecretStr


class Credentials:
    """Adds the upstream key to a request's headers and shows it nowhere else."""

    def __init__(self, key: SecretStr, auth_scheme: str) -> None:
        self._authorization = f"{auth_scheme} {key.get_secret_value()}"

    def sign(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with the upstream's credential among them."""
        return {**headers, "authorization": self._authorization}

    def __repr__(self) -> str:
        return "Credentials(**********)"
