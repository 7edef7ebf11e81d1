"""Whoever holds the admin key, on the routes of administration."""

import re
from typing import Any
from uuid import uuid4

import httpx

from tests.support.gateway import Gateway
from tests.support.waiting import PATIENCE_SECONDS


class Operator(httpx.Client):
    """A client with the admin key."""

    def __init__(self, address: str, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        super().__init__(
            base_url=f"{address}/api/admin", headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
        )

    def team(self, **fields: object) -> dict[str, Any]:
        """A new team."""
        made = self.post("/teams", json={"name": f"team {uuid4()}", **fields})
        assert made.status_code == 201, made.text
        return dict(made.json())

    def key(self, team: str, **fields: object) -> dict[str, Any]:
        """A new key of the team of this name."""
        made = self.post("/keys", json={"team": team, "name": "a key", **fields})
        assert made.status_code == 201, made.text
        return dict(made.json())


def operator_of(gateway: Gateway) -> Operator:
    """A client with the admin key that the gateway made at its start."""
    found = re.search(r"Admin key, shown this once: +(\S+)", gateway.process.log())
    assert found
    return Operator(gateway.address, found[1])
