"""A caller of the gateway, with the calls that the tests repeat."""

import ssl
from typing import Any

import httpx

from tests.support.waiting import PATIENCE_SECONDS, until

DEV = "/fal-ai/flux-1/dev"


class Caller(httpx.Client):
    """A client of one gateway with one key."""

    def __init__(self, address: str, key: str, verify: ssl.SSLContext | bool = True) -> None:  # noqa: FBT002 # httpx's own form
        headers = {"authorization": f"Key {key}"}
        super().__init__(
            base_url=address, headers=headers, verify=verify, trust_env=False, timeout=PATIENCE_SECONDS
        )
        self.key = key

    def submit(self, prompt: str, model: str = DEV, **fields: object) -> httpx.Response:
        return self.post(model, json={"prompt": prompt, **fields})

    def job(self, prompt: str, model: str = DEV, **fields: object) -> str:
        """Submits and returns the id of the job, which is there whatever the upstream did."""
        answer = self.submit(prompt, model, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["request_id"])

    def status(self, job_id: str, **params: Any) -> httpx.Response:
        return self.get(f"/fal-ai/flux-1/requests/{job_id}/status", params=params)

    def result(self, job_id: str) -> httpx.Response:
        return self.get(f"/fal-ai/flux-1/requests/{job_id}")

    def cancel(self, job_id: str) -> httpx.Response:
        return self.put(f"/fal-ai/flux-1/requests/{job_id}/cancel")

    def word(self, job_id: str) -> str:
        """The status of a job in fal's words."""
        return str(self.status(job_id).json()["status"])

    def wait(self, job_id: str, word: str = "COMPLETED") -> None:
        until(lambda: self.word(job_id) == word)
