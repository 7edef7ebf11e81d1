"""The webhook that a submit names: `?fal_webhook=`."""

from typing import Final

from starlette.requests import Request

from app.callers.caller import Caller
from app.dialects.access import gateway_of
from app.errors import Forbidden, InvalidInput

NAME: Final = "fal_webhook"


async def webhook_url(request: Request, caller: Caller) -> str | None:
    """The address to tell when the job ends, in the form in which it is stored; None when none is named.

    Raises:
        Forbidden: a browser token, which anybody may hold, does not send this gateway anywhere.
        InvalidInput: it is no address that webhooks may go to, or there are several.
    """
    if not request.scope["query_string"]:
        return None
    given = request.query_params.getlist(NAME)
    if not given:
        return None
    if caller.token_id is not None:
        raise Forbidden("A browser token may not name a webhook; submit with a key from your backend.")
    if len(given) > 1:
        raise InvalidInput([_several(len(given))])
    address = await gateway_of(request).webhooks.guard.check_target(given[0])
    return address.url


def _several(number: int) -> dict[str, object]:
    return {
        "loc": ["query", NAME],
        "msg": f"{number} addresses are named; a job has one webhook",
        "type": "webhook_url_blocked",
        "input": None,
        "url": "https://docs.fal.ai/errors#webhook_url_blocked",
    }
