"""Callers that go on asking while everything breaks, and note what they asked and what they were told."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from uuid import uuid4

import httpx

from tests.support.caller import DEV

# Answers after which a submit is known not to have been sent, however often it is asked for again.
NOT_SENT = frozenset({"storage_unavailable", "upstream_unavailable", "budget_exceeded", "too_many_in_flight"})
MAY_BE_SAID = frozenset({200, 202, 402, 429, 499, 502, 503})
TRIES = 4
PAUSE_SECONDS = 0.05
CALL_SECONDS = 40.0
NO_ANSWER = 0


@dataclass
class Told:
    """What callers know of what they asked; a prompt stands for one submit, however often it was sent.

    Attributes:
        answered: the prompt of each job whose submit was answered with success, by the job's id.
        refused: prompts of which every try was answered, and none with success.
        unsure: prompts of which a try was not answered, and none with success.
        codes: how often each answer came, by what was asked; 0 is none.
        wrong: answers that must not be.
    """

    answered: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    codes: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many submits are over, one way or the other."""
        return len(self.answered) + len(self.refused) + len(self.unsure)


@dataclass(frozen=True)
class Wishes:
    """What callers ask for.

    Attributes:
        words: of which each prompt has one.
        webhook: where the end of some jobs is to be told.
        cancels: the share of jobs that are cancelled.
        foreign: a key of another team, which must find none of the jobs.
        pause_seconds: between two jobs of one caller.
        streams: whether the stream of a job's status is read to its end, before the result.
    """

    words: Sequence[str] = ("",)
    webhook: str | None = None
    cancels: float = 0.0
    foreign: str | None = None
    pause_seconds: float = 0.0
    streams: bool = False


class Asker:
    """One caller, with its own connections and a fate that its seed decides."""

    def __init__(self, addresses: Sequence[str], key: str, wishes: Wishes, told: Told, fate: Random) -> None:
        self._addresses = addresses
        self._headers = {"authorization": f"Key {key}"}
        self._wishes = wishes
        self._told = told
        self._fate = fate
        # A new connection for each call: one that is kept may end on its way to the next.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(trust_env=False, timeout=CALL_SECONDS, limits=limits)

    def ask_until(self, stopping: threading.Event) -> None:
        """Submits one job after the other, follows some of them, reads what came of them."""
        with self._client:
            while not stopping.is_set():
                prompt = f"{uuid4().hex} {self._fate.choice(self._wishes.words)}".strip()
                job_id = self._submit(prompt, stopping)
                if job_id is not None and self._fate.random() < self._wishes.cancels:
                    self._call("cancel", "PUT", f"/fal-ai/flux-1/requests/{job_id}/cancel")
                if job_id is not None:
                    self._look(job_id, prompt)
                stopping.wait(self._wishes.pause_seconds)

    def _submit(self, prompt: str, stopping: threading.Event) -> str | None:
        headers = {**self._headers, "idempotency-key": prompt}
        params = {"fal_webhook": self._wishes.webhook} if self._wishes.webhook else {}
        is_sure = True
        for _ in range(TRIES):
            answer = self._call(
                "submit", "POST", DEV, headers=headers, params=params, json={"prompt": prompt}
            )
            if answer is not None and answer.is_success:
                job_id = str(answer.json()["request_id"])
                self._told.answered[job_id] = prompt
                return job_id
            is_sure = is_sure and answer is not None and answer.json().get("error_type") in NOT_SENT
            if stopping.wait(PAUSE_SECONDS):
                break
        (self._told.refused if is_sure else self._told.unsure).add(prompt)
        return None

    def _look(self, job_id: str, prompt: str) -> None:
        """A status and a result may be late, but never another's."""
        path = f"/fal-ai/flux-1/requests/{job_id}"
        self._call("status", "GET", f"{path}/status")
        if self._wishes.streams:
            self._call("stream", "GET", f"{path}/status/stream")
        result = self._call("result", "GET", path)
        if result is not None and result.status_code == 200 and result.json().get("prompt") != prompt:
            self._told.wrong.append(f"{prompt}: {result.text[:200]}")
        if self._wishes.foreign is not None:
            headers = {"authorization": f"Key {self._wishes.foreign}"}
            answer = self._call("foreign", "GET", path, headers=headers)
            if answer is not None and answer.status_code not in (404, 503):
                self._told.wrong.append(f"another team reads {job_id}: {answer.status_code}")

    def _call(self, what: str, method: str, path: str, **options: object) -> httpx.Response | None:
        url = self._fate.choice(self._addresses) + path
        headers = options.pop("headers", self._headers)
        try:
            answer = self._client.request(method, url, headers=headers, **options)  # type: ignore[arg-type] # httpx's own options
        except httpx.TransportError:
            self._told.codes[what, NO_ANSWER] += 1
            return None
        self._told.codes[what, answer.status_code] += 1
        may_be = what == "foreign" or answer.status_code in MAY_BE_SAID or _is_the_jobs_own(what, answer)
        if not may_be:
            self._told.wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        return answer


def _is_the_jobs_own(what: str, answer: httpx.Response) -> bool:
    """A result that is not there yet is a 400, as fal has it; so is a cancellation after the end.

    A model's own failure is passed on with its own status.
    """
    if what == "result" and answer.status_code in (422, 500):
        return bool(answer.json().get("error_type") != "internal_error")
    return what in ("result", "cancel") and answer.status_code == 400


@contextmanager
def asking(
    addresses: Sequence[str],
    keys: Sequence[str],
    wishes: Wishes | None = None,
    *,
    fate: Random | None = None,
) -> Iterator[Told]:
    """A caller for each key, all of them asking until the end of the block."""
    told, stopping, fate = Told(), threading.Event(), fate or Random()
    askers = [Asker(addresses, key, wishes or Wishes(), told, Random(fate.random())) for key in keys]
    threads = [threading.Thread(target=asker.ask_until, args=(stopping,)) for asker in askers]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
