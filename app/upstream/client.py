"""Submit, status, result and cancel at the one configured upstream."""

from collections.abc import Mapping
from time import perf_counter
from urllib.parse import quote

from app.operations.metrics import Metrics
from app.operations.tracing.step import Kind, Step, current_step
from app.upstream.answers import (
    Ambiguous,
    Later,
    NotNow,
    ResultAnswer,
    StatusAnswer,
    SubmitAnswer,
    read_cancel,
    read_result,
    read_status,
    read_submit,
)
from app.upstream.breaker import Breaker
from app.upstream.credentials import Credentials
from app.upstream.errors import CutShortError, NoRoomError, NotSentError, UpstreamFault
from app.upstream.profiles import Profile
from app.upstream.result_room import Place, ResultRoom
from app.upstream.transport import Answer, Transport

# The engine leaves it out of a PUT without a body, and some servers then answer 411.
NO_BODY = {"content-length": "0"}
JSON_HEADERS = {"accept": "application/json", "content-type": "application/json"}
# So many calls in a row without an answer: whatever is between it and this process, it is not reached.
SILENT_AFTER_CALLS = 5


class UpstreamClient:
    """The upstream's queue; every address is built from the configured one, none comes from an answer.

    Attributes:
        room: where large results are read.
    """

    def __init__(
        self,
        *,
        base_url: str,
        profile: Profile,
        credentials: Credentials,
        transport: Transport,
        metrics: Metrics,
        status_limit_bytes: int,
        result_limit_bytes: int,
        room: ResultRoom,
    ) -> None:
        self.profile = profile
        self.room = room
        self.has_status = True
        self.breaker = Breaker()
        self._unanswered_calls = 0
        self._base = base_url.rstrip("/")
        self._credentials = credentials
        self._headers = credentials.sign(JSON_HEADERS)
        self._transport = transport
        self._metrics = metrics
        self._status_limit_bytes = status_limit_bytes
        self._result_limit_bytes = result_limit_bytes

    @property
    def was_silent(self) -> bool:
        """Whether it has not answered the last call of this process."""
        return self._unanswered_calls > 0

    @property
    def is_silent(self) -> bool:
        """Whether it has not answered this process for some time, whatever it was asked."""
        return self._unanswered_calls >= SILENT_AFTER_CALLS

    async def submit(
        self,
        model_id: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        webhook_url: str | None = None,
        has_leave: bool = False,
    ) -> SubmitAnswer:
        """Hands a job to the upstream, once. Nothing here or below ever repeats it.

        Args:
            model_id: the route.
            body: what is sent, as it is.
            headers: beside those of every call.
            webhook_url: what the upstream calls when the job has ended.
            has_leave: whether the breaker has been asked already.
        """
        if not has_leave and not self.breaker.lets_through():
            return NotNow("nothing was sent: the upstream could not be reached a moment ago", None)
        query = "" if webhook_url is None else f"?fal_webhook={quote(webhook_url, safe='')}"
        try:
            answer = await self._call(
                "submit",
                "POST",
                f"/{model_id}{query}",
                self._status_limit_bytes,
                body=body,
                headers=headers,
            )
        except NotSentError as error:
            # One large request that is too slow says nothing about the others.
            if not isinstance(error, CutShortError):
                self.breaker.not_sent(str(error))
            return NotNow(f"nothing was sent: {error}", None)
        except UpstreamFault as error:
            self.breaker.sent()
            return Ambiguous(f"no answer: {error}")
        self.breaker.sent()
        return read_submit(answer)

    async def status(self, app_id: str, upstream_id: str) -> StatusAnswer:
        """Asks how far a job is."""
        path = f"/{app_id}/requests/{upstream_id}/status?logs=1"
        try:
            return read_status(await self._call("status", "GET", path, self._status_limit_bytes))
        except UpstreamFault as error:
            return Later(str(error))

    def learn_no_status(self) -> None:
        """The status route answered 404 for a job that the result route knows: it is not asked again.

        A profile that promises the route is believed; the 404 was about that job then.
        """
        if not self.profile.promises_status:
            self.has_status = False

    async def result(self, app_id: str, upstream_id: str, place: Place) -> ResultAnswer:
        """Asks for a job's result, which is held in this place.

        Raises:
            NoRoomError: it is large, and there was no room for it in time.
        """
        path = f"/{app_id}/requests/{upstream_id}"
        try:
            return read_result(await self._result(path, place))
        except NoRoomError:
            raise
        except UpstreamFault as error:
            return Later(str(error))

    async def _result(self, path: str, place: Place) -> Answer:
        """A large one that finds no room is let go: unread it takes memory too, and its deadline runs.

        When its turn comes there is room for whatever is answered then.
        """
        try:
            return await self._call("result", "GET", path, self._result_limit_bytes, place=place)
        except NoRoomError:
            await place.wait(self._result_limit_bytes)
        return await self._call("result", "GET", path, self._result_limit_bytes, place=place)

    async def cancel(self, app_id: str, upstream_id: str) -> str:
        """Asks to stop a job; gives fal's word for the outcome, or an empty text when nobody answered."""
        path = f"/{app_id}/requests/{upstream_id}/cancel"
        try:
            answer = await self._call("cancel", "PUT", path, self._status_limit_bytes, headers=NO_BODY)
            return read_cancel(answer)
        except UpstreamFault:
            return ""

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.close()

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        limit_bytes: int,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        place: Place | None = None,
    ) -> Answer:
        own = {**headers, **self._headers} if headers else self._headers
        started = perf_counter()
        outcome = "fault"
        try:
            answer = await self._transport.exchange(
                method, self._base + path, headers=own, body=body, limit_bytes=limit_bytes, place=place
            )
            outcome = str(answer.status_code)
            self._unanswered_calls = 0
        except UpstreamFault as fault:
            outcome = fault.outcome
            self._unanswered_calls = self._unanswered_calls + 1 if fault.is_silence else 0
            raise
        finally:
            seconds = perf_counter() - started
            self._metrics.upstream_call(operation, outcome, seconds)
            if (step := current_step()) is not None:
                _tell(step, operation, method, outcome, seconds)
        return self._credentials.hide(answer)


def _tell(step: Step, operation: str, method: str, outcome: str, seconds: float) -> None:
    """One call in a trace; its address is not told, because it holds the upstream's id of a job."""
    attributes: dict[str, str | int] = {"http.request.method": method}
    if outcome.isdigit():
        attributes["http.response.status_code"] = int(outcome)
    is_fault = not outcome.isdigit() or int(outcome) >= 400
    step.ended(
        f"upstream {operation}", seconds, attributes, kind=Kind.CLIENT, error=outcome if is_fault else None
    )
