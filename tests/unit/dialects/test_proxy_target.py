"""Which addresses of fal stand for which of our routes, and which stand for none."""

import pytest

from app.dialects.proxy_target import LONGEST_TARGET, Target, parse_target
from app.errors import TargetRefused

JOB = "/fal-ai/flux-1/requests/0190a0b0-0000-7000-8000-000000000000"

MAPPED = {
    "https://queue.fal.run/fal-ai/flux-1/dev": Target("/fal-ai/flux-1/dev", ""),
    "https://queue.fal.run/fal-ai/flux-1/dev?": Target("/fal-ai/flux-1/dev", ""),
    "https://queue.fal.run/fal-ai/flux-1/dev?fal_webhook=https%3A%2F%2Fexample.com%2Fh%3Fa%3D1": Target(
        "/fal-ai/flux-1/dev", "fal_webhook=https%3A%2F%2Fexample.com%2Fh%3Fa%3D1"
    ),
    "https://queue.fal.run/fal-ai/flux-pro/v1.1-ultra": Target("/fal-ai/flux-pro/v1.1-ultra", ""),
    f"https://queue.fal.run{JOB}": Target(JOB, ""),
    f"https://queue.fal.run{JOB}/status?logs=1": Target(f"{JOB}/status", "logs=1"),
    f"https://queue.fal.run{JOB}/status/stream?logs=0": Target(f"{JOB}/status/stream", "logs=0"),
    f"https://queue.fal.run{JOB}/cancel": Target(f"{JOB}/cancel", ""),
    "https://fal.run/fal-ai/flux-1/dev": Target("/run/fal-ai/flux-1/dev", ""),
    "https://fal.run/fal-ai/flux-1/dev?prompt=a+cat": Target("/run/fal-ai/flux-1/dev", "prompt=a+cat"),
    "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3": Target(
        "/storage/upload/initiate", "storage_type=fal-cdn-v3"
    ),
    "https://rest.alpha.fal.ai/storage/upload/complete-multipart?a=[1]": Target(
        "/storage/upload/complete-multipart", "a=[1]"
    ),
    # Schemes and hosts are alike in upper and lower case, paths are not.
    "HTTPS://QUEUE.FAL.RUN/fal-ai/Flux-1/dev": Target("/fal-ai/Flux-1/dev", ""),
    # What stands in a query is for the route to judge, as it is when it is called directly.
    "https://queue.fal.run/fal-ai/flux-1/dev?a=%00&b=../..&c=//x@y:1": Target(
        "/fal-ai/flux-1/dev", "a=%00&b=../..&c=//x@y:1"
    ),
}

HOSTS = [
    "https://example.com/fal-ai/flux-1/dev",
    "https://queue.fal.run.evil.com/fal-ai/flux-1/dev",
    "https://evilqueue.fal.run/fal-ai/flux-1/dev",
    "https://evil.queue.fal.run/fal-ai/flux-1/dev",
    "https://queue.fal.run./fal-ai/flux-1/dev",
    "https://queue-fal.run/fal-ai/flux-1/dev",
    "https://queue.fal.ai/fal-ai/flux-1/dev",
    "https://fal.ai/fal-ai/flux-1/dev",
    "https://falrun/fal-ai/flux-1/dev",
    "https://127.0.0.1/fal-ai/flux-1/dev",
    "https://2130706433/fal-ai/flux-1/dev",
    "https://[::1]/fal-ai/flux-1/dev",
    "https://localhost/fal-ai/flux-1/dev",
    "https://-/fal-ai/flux-1/dev",
    "https:///fal-ai/flux-1/dev",
    "https://queue.fal.run:443/fal-ai/flux-1/dev",
    "https://queue.fal.run:/fal-ai/flux-1/dev",
    "https://queue.fal.run:8443/fal-ai/flux-1/dev",
    "https://queue.fal.run@evil.com/fal-ai/flux-1/dev",
    "https://queue.fal.run:x@evil.com/fal-ai/flux-1/dev",
    "https://user@queue.fal.run/fal-ai/flux-1/dev",
    "https://user:secret@queue.fal.run/fal-ai/flux-1/dev",
    "https://@queue.fal.run/fal-ai/flux-1/dev",
    "https://evil.com\\@queue.fal.run/fal-ai/flux-1/dev",
    "https://queue.fal.run\\.evil.com/fal-ai/flux-1/dev",
    "https://evil.com#@queue.fal.run/fal-ai/flux-1/dev",
    "https://evil.com?@queue.fal.run/fal-ai/flux-1/dev",
    "https://queue%2efal.run/fal-ai/flux-1/dev",
    "https://queue.fal.run%00/fal-ai/flux-1/dev",
    "https://queue.fal.run%2f@evil.com/fal-ai/flux-1/dev",
    "https://queue\u3002fal.run/fal-ai/flux-1/dev",
    "https://qu\u0435ue.fal.run/fal-ai/flux-1/dev",
    "https://queue.fa\u2113.run/fal-ai/flux-1/dev",
    "https://queue.fal.\u212aun/fal-ai/flux-1/dev",
    "https://que\u00adue.fal.run/fal-ai/flux-1/dev",
    "https://xn--queue.fal.run/fal-ai/flux-1/dev",
]

SCHEMES = [
    "",
    "/",
    "/fal-ai/flux-1/dev",
    "fal-ai/flux-1/dev",
    "queue.fal.run/fal-ai/flux-1/dev",
    "//queue.fal.run/fal-ai/flux-1/dev",
    "http://queue.fal.run/fal-ai/flux-1/dev",
    "httpss://queue.fal.run/fal-ai/flux-1/dev",
    "wss://queue.fal.run/fal-ai/flux-1/dev",
    "ftp://queue.fal.run/fal-ai/flux-1/dev",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/plain,x",
    "view-source:https://queue.fal.run/fal-ai/flux-1/dev",
    "https:queue.fal.run/fal-ai/flux-1/dev",
    "https:/queue.fal.run/fal-ai/flux-1/dev",
    "https:///queue.fal.run/fal-ai/flux-1/dev",
    "https:\\\\queue.fal.run\\fal-ai\\flux-1\\dev",
    "https:/\\queue.fal.run/fal-ai/flux-1/dev",
    " https://queue.fal.run/fal-ai/flux-1/dev",
    "http\u017f://queue.fal.run/fal-ai/flux-1/dev",
]

PATHS = [
    "",
    "/",
    "?logs=1",
    "/fal-ai",
    "/fal-ai/",
    "/fal-ai//flux-1/dev",
    "//fal-ai/flux-1/dev",
    "//evil.com/fal-ai/flux-1/dev",
    "/fal-ai/flux-1/dev/",
    "/fal-ai/flux-1//dev",
    "/fal-ai/../api/admin/keys",
    "/fal-ai/flux-1/../../metrics",
    "/../fal-ai/flux-1/dev",
    "/./fal-ai/flux-1/dev",
    "/fal-ai/flux-1/./dev",
    "/fal-ai/flux-1/dev/..",
    "/fal-ai/%2e%2e/api/admin/keys",
    "/fal-ai/%2E%2E/api/admin/keys",
    "/fal-ai/.%2e/api/admin/keys",
    "/fal-ai/..%2fapi/admin/keys",
    "/fal-ai/..%5capi/admin/keys",
    "/fal-ai/..\\api\\admin\\keys",
    "/fal-ai/%252e%252e/api/admin/keys",
    "/fal-ai/flux-1%2fdev",
    "/fal-ai%2fflux-1/dev",
    "/fal-ai/flux-1/dev%00",
    "/fal-ai/flux-1/dev%0d%0aX:y",
    "/fal-ai/flux-1/dev%",
    "/fal-ai/..;/api/admin/keys",
    "/fal-ai;a=b/flux-1/dev",
    "/fal-ai/flux-1/dev;a=b",
    "/fal-ai/flux-1/d\u00e9v",
    "/fal-ai/flux-1/\uff0e\uff0e/metrics",
    "/fal-ai/flux-1/dev#",
    "/fal-ai/flux-1/dev#/api/admin/keys",
    "/fal-ai/flux-1/dev?logs=1#x",
    "/fal-ai/flux-1/dev?a b",
    "/fal-ai/flux-1/dev?a\tb",
    "/fal-ai/flux-1/dev?a\\b",
    '/fal-ai/flux-1/dev?a"b',
    "/fal-ai/flux-1/dev?\u00e9",
    "/fal-ai/flux-1/dev?logs=1,https://queue.fal.run/x y",
    "/fal-ai/flux-1/dev\\?logs=1",
    "/fal-ai/flux-1/dev?a\nb",
    "/fal-ai/flux-1/dev\n",
    "/fal-ai/flux-1/dev?a\n",
    "/fal-ai/flux-1/de\tv",
    "/fal-ai/flux-1/dev\r\nHost: evil",
    "/fal-ai/flux-1/dev\x00",
    "/fal-ai/flux-1/dev\x7f",
    "/fal-ai/flux-1/dev ",
    "/Fal-AI/flux-1/dev",
    "/fal-aix/flux-1/dev",
    "/api/admin/keys",
    "/api/fal/proxy",
    "/api/tokens",
    "/metrics",
    "/docs",
    "/v1/models",
    "/run/fal-ai/flux-1/dev",
    "/storage/upload/initiate",
    "/workflows/a/b",
    "/evil/model",
    "/fal-ai/flux-1/dev?" + "a" * LONGEST_TARGET,
    "/fal-ai/" + "a" * LONGEST_TARGET,
]

OTHERS = [
    "https://fal.run/metrics",
    "https://fal.run/storage/upload/initiate",
    "https://fal.run/../fal-ai/flux-1/dev",
    "https://fal.run/evil/model",
    "https://rest.fal.ai/tokens/",
    "https://rest.fal.ai/tokens",
    "https://rest.fal.ai/fal-ai/flux-1/dev",
    "https://rest.fal.ai/storage/../tokens",
    "https://rest.fal.ai/storage",
    "https://rest.fal.ai/storage/",
    "https://rest.fal.ai/api/admin/keys",
    "https://rest.beta.fal.ai/storage/upload/initiate",
]


@pytest.mark.parametrize("url", MAPPED)
def test_an_address_of_fal_stands_for_one_of_our_routes(url: str) -> None:
    assert parse_target(url) == MAPPED[url]


@pytest.mark.parametrize(
    "url", [*HOSTS, *SCHEMES, *(f"https://queue.fal.run{path}" for path in PATHS), *OTHERS], ids=ascii
)
def test_nothing_else_stands_for_any(url: str) -> None:
    with pytest.raises(TargetRefused) as refusal:
        parse_target(url)
    assert len(refusal.value.detail) < 200, "what a stranger wrote is not echoed"
