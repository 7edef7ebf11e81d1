"""The sliding window as Redis keeps it: one sorted set for each limit, and one script that decides."""

import secrets
from collections.abc import Sequence

from app.callers.caller import Caller, RateLimit
from app.callers.rate_window import WINDOW_MICROS, Quota, RateState
from app.storage.redis import Script, ScriptCall

MEMBER_BYTES = 8

# The clock is that of Redis, so those of the processes do not matter.
CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""

# The same decision as `rate_window.decide`. ARGV: the window, whether it may take, the member to add, the
# limits. Lua's numbers hold these times exactly, but would lose their last digits when Lua writes them out.
DECISION = """
local window = tonumber(ARGV[1])
local admitted = ARGV[2] == '1'
local limits, used = {}, {}
for i, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
    redis.call('ZREMRANGEBYSCORE', key, string.format('%.0f', now + window), '+inf')
    limits[i], used[i] = tonumber(ARGV[3 + i]), redis.call('ZCARD', key)
    admitted = admitted and used[i] < limits[i]
end
local answer = {admitted and 1 or 0}
for i, key in ipairs(KEYS) do
    if admitted then
        redis.call('ZADD', key, string.format('%.0f', now), ARGV[3])
        redis.call('PEXPIRE', key, window / 1000 + 1000)
        used[i] = used[i] + 1
    end
    local leaves_first = math.max(0, used[i] - limits[i])
    local first = redis.call('ZRANGE', key, leaves_first, leaves_first, 'WITHSCORES')[2]
    local otherwise = limits[i] > 0 and 0 or window
    answer[2 * i] = used[i]
    answer[2 * i + 1] = first and tonumber(first) + window - now or otherwise
end
return answer
"""

ADMIT = Script(CLOCK + DECISION)


def admit_call(caller: Caller, *, may_take: bool) -> ScriptCall:
    """One run of the script for a submit of this caller; if it may not take, it only tells what is left."""
    keys = [_redis_key(caller, limit) for limit in caller.rates]
    values: list[str | bytes | int] = [WINDOW_MICROS, int(may_take), secrets.token_bytes(MEMBER_BYTES)]
    return ScriptCall(keys, values + [limit.per_minute for limit in caller.rates])


def state_of(limits: Sequence[RateLimit], answer: Sequence[int]) -> RateState:
    """What the script answered: whether it took, then for each limit what is used and when some is free."""
    quotas = (
        Quota(limit.scope, limit.per_minute, max(0, limit.per_minute - used), reset_micros)
        for limit, used, reset_micros in zip(limits, answer[1::2], answer[2::2], strict=True)
    )
    return RateState(bool(answer[0]), tuple(quotas))


def _redis_key(caller: Caller, limit: RateLimit) -> str:
    """The team in braces keeps all keys of one call on the same node of a cluster."""
    return f"fluxgate:rate:1:{{{caller.team_id}}}:{limit.scope}:{limit.scope_id}"
