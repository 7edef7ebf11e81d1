"""Requests that no caller should send, each with the answer it deserves."""

from collections.abc import Iterator
from dataclasses import dataclass

DEV = "/fal-ai/flux-1/dev"
SIMPLE_JSON = b'{"prompt": "a cat"}'
UNKNOWN_ID = "0190a0b0-0000-7000-8000-000000000000"
LIST = "list"
ANY = "any"


@dataclass(frozen=True)
class BadRequest:
    """One request as bytes; `{key}` in it stands for a living key.

    Attributes:
        status: the one status that is right, or several.
        error_type: the name in the body and in its header; `LIST` for fal's list of problems, with
            `problem` as the type of the first; `ANY` for an answer of the HTTP server itself.
    """

    name: str
    request: bytes
    status: int | tuple[int, ...]
    error_type: str
    problem: str = ""


def post(body: bytes, *headers: str, path: str = DEV, content_type: str = "application/json") -> bytes:
    """A submit that says how long it is."""
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", "Authorization: Key {key}", "Connection: close"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def head(method: str, path: str, *headers: str) -> bytes:
    """A request without a body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", "Authorization: Key {key}", "Connection: close"]
    return "\r\n".join([*lines, *headers]).encode() + b"\r\n\r\n"


def with_prompt(rest: bytes) -> bytes:
    return b'{"prompt": "a cat", ' + rest + b"}"


def json_bodies() -> Iterator[BadRequest]:
    """Table A: bodies."""
    broken = {
        "A1 empty": b"",
        "A1 blank": b" \r\n\t",
        "A2 cut off": b'{"prompt": "a cat"',
        "A2 cut off in a string": b'{"prompt": "a ca',
        "A2 two objects": SIMPLE_JSON + SIMPLE_JSON,
        "A2 single quotes": b"{'prompt': 'a cat'}",
        "A2 trailing comma": b'{"prompt": "a cat",}',
        "A2 comment": b'{"prompt": "a cat" /* meow */}',
        "A2 a form": b"prompt=a+cat",
        "A5 NaN": with_prompt(b'"guidance_scale": NaN'),
        "A5 Infinity": with_prompt(b'"guidance_scale": Infinity'),
        "A5 -Infinity": with_prompt(b'"seed": -Infinity'),
        "A5 beyond a double": with_prompt(b'"guidance_scale": 1e400'),
        "A7 prompt twice": b'{"prompt": "a cat", "prompt": "a dog"}',
        "A7 prompt twice, once escaped": b'{"prompt": "a cat", "\\u0070rompt": "a dog"}',
        "A8 num_images twice": with_prompt(b'"num_images": 1, "num_images": 4'),
        "A8 twice deep inside": with_prompt(b'"x": [{"a": 1, "a": 2}]'),
        "A10 1,000 levels": with_prompt(b'"x": ' + b"[" * 1000 + b"]" * 1000),
        "A10 100,000 levels": with_prompt(b'"x": ' + b"[" * 100_000 + b"]" * 100_000),
        "A13 400,000 values": with_prompt(b'"x": [' + b"0," * 400_000 + b"0]"),
        "A14 not UTF-8": b'{"prompt": "a \xff cat"}',
        "A14 overlong UTF-8": b'{"prompt": "a \xc0\xaf cat"}',
        "A14 UTF-16": '{"prompt": "a cat"}'.encode("utf-16"),
        "A16 byte order mark": b"\xef\xbb\xbf" + SIMPLE_JSON,
        "A17 high surrogate alone": b'{"prompt": "a \\ud800 cat"}',
        "A17 low surrogate alone": b'{"prompt": "a \\udc31\\ud83d cat"}',
        "A17 lone surrogate in a key": with_prompt(b'"\\ud800": 1'),
        "A17 surrogate as UTF-8": b'{"prompt": "a \xed\xa0\x80 cat"}',
    }
    for name, body in broken.items():
        yield BadRequest(name, post(body), 400, "invalid_json")
    for kind in (b"[]", b'"x"', b"1", b"null", b"true", b'[{"prompt": "a cat"}]'):
        yield BadRequest(f"A4 {kind.decode()}", post(kind), 422, "body_must_be_object")


def wrong_values() -> Iterator[BadRequest]:
    """Table A: values."""
    wrong = {
        "no prompt": (b"{}", "missing"),
        "prompt null": (b'{"prompt": null}', ""),
        "prompt a number": (b'{"prompt": 5}', "string_type"),
        "prompt too long": (b'{"prompt": "' + b"x" * 50_001 + b'"}', "string_too_long"),
        "NUL in the prompt": (b'{"prompt": "a \\u0000 cat"}', "string_contains_nul"),
        "NUL in a key": (with_prompt(b'"a\\u0000b": 1'), "string_contains_nul"),
        "NUL in an unknown field": (with_prompt(b'"x": ["\\u0000"]'), "string_contains_nul"),
        "A20 seed 2^63": (with_prompt(b'"seed": 9223372036854775808'), ""),
        "A20 seed of 30 digits": (with_prompt(b'"seed": ' + b"9" * 30), "int_out_of_range"),
        "A20 seed of 5,000 digits": (with_prompt(b'"seed": ' + b"9" * 5000), "int_out_of_range"),
        "A20 30 digits in an unknown field": (with_prompt(b'"x": ' + b"9" * 30), "int_out_of_range"),
        "A22 num_images 2^31": (with_prompt(b'"num_images": 2147483648'), "less_than_equal"),
        "num_images 0": (with_prompt(b'"num_images": 0'), "greater_than_equal"),
        "num_images 5": (with_prompt(b'"num_images": 5'), "less_than_equal"),
        "num_images true": (with_prompt(b'"num_images": true'), "int_type"),
        "num_images a text": (with_prompt(b'"num_images": "2"'), "int_type"),
        "num_images 1.5": (with_prompt(b'"num_images": 1.5'), ""),
        "A23 guidance_scale 1e308": (with_prompt(b'"guidance_scale": 1e308'), "less_than_equal"),
        "A23 guidance_scale -0.0": (with_prompt(b'"guidance_scale": -0.0'), "greater_than_equal"),
        "num_inference_steps 51": (with_prompt(b'"num_inference_steps": 51'), "less_than_equal"),
        "num_inference_steps -1": (with_prompt(b'"num_inference_steps": -1'), "greater_than_equal"),
        "enable_safety_checker 1": (with_prompt(b'"enable_safety_checker": 1'), "bool_type"),
        "output_format gif": (with_prompt(b'"output_format": "gif"'), "literal_error"),
        "acceleration turbo": (with_prompt(b'"acceleration": "turbo"'), "literal_error"),
        "A25 image_size __proto__": (with_prompt(b'"image_size": "__proto__"'), ""),
        "image_size negative": (with_prompt(b'"image_size": {"width": -1, "height": 512}'), ""),
    }
    for name, (body, problem) in wrong.items():
        yield BadRequest(name, post(body), 422, LIST, problem)
    redux = "/fal-ai/flux-1/dev/redux"
    for url in ("file:///etc/passwd", "ftp://example.com/a.png", "a picture", "data:image/png;base64,%%%"):
        body = f'{{"image_url": "{url}"}}'.encode()
        yield BadRequest(f"A28 image_url {url}", post(body, path=redux), 422, LIST)
    inner = ("http://169.254.169.254/", "http://localhost/", "http://127.1/", "http://2130706433/")
    for url in (*inner, "http://%5B::ffff:7f00:1%5D/", "file:///etc/passwd", "", "http://a@127.0.0.1/"):
        hook = post(SIMPLE_JSON, path=f"{DEV}?fal_webhook={url}")
        yield BadRequest(f"E webhook {url}", hook, 422, LIST, "webhook_url_blocked")


def sizes() -> Iterator[BadRequest]:
    """Too much of something."""
    large = b'{"prompt": "' + b"x" * 10_000_000 + b'"}'
    yield BadRequest("A11 10 MB", post(large), 413, "payload_too_large")
    yield BadRequest(
        "A11 10 MB announced", post(b"", "X: y").replace(b": 0", b": 10000000"), 413, "payload_too_large"
    )
    chunked = head("POST", DEV, "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunks = b"".join(b"40000\r\n" + b" " * 0x40000 + b"\r\n" for _ in range(8))
    yield BadRequest("A11 2 MB in chunks", chunked + chunks + b"0\r\n\r\n", 413, "payload_too_large")
    yield BadRequest("B13 a 100 kB header", head("GET", DEV, "X: " + "y" * 100_000), (413, 431), ANY)
    many = [f"X-{number}: {'y' * 40}" for number in range(1000)]
    yield BadRequest("B13 1,000 headers", head("GET", DEV, *many), (413, 431), ANY)
    yield BadRequest("B13 a 64 kB address", head("GET", f"/fal-ai/{'a' * 65_536}"), (400, 404, 414), ANY)


def transport() -> Iterator[BadRequest]:
    """Table B: the declared type, and framing."""
    declared = ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    declared += [
        "application/json; charset=utf-16",
        "application/jsonp",
        "json",
        "application/json, text/plain",
    ]
    for name in declared:
        request = post(SIMPLE_JSON, content_type=name)
        yield BadRequest(f"B1 content type {name!r}", request, 415, "unsupported_media_type")
    for coding in ("gzip", "br", "zstd", "gzip, gzip", "nonsense"):
        request = post(SIMPLE_JSON, f"Content-Encoding: {coding}")
        yield BadRequest(f"B4 {coding}", request, 415, "unsupported_media_type")
    short = post(SIMPLE_JSON).replace(b"Content-Length: 19", b"Content-Length: 5")
    yield BadRequest("B5 longer than announced", short, 400, "invalid_json")
    framing = {
        "B7 two lengths": post(SIMPLE_JSON, "Content-Length: 5"),
        "B8 length and chunks": post(SIMPLE_JSON, "Transfer-Encoding: chunked"),
        "a negative length": post(SIMPLE_JSON).replace(b": 19", b": -1"),
        "B14 a space before the colon": post(SIMPLE_JSON, "X : y"),
        "B14 a NUL in a header": post(SIMPLE_JSON, "X: a\0b"),
        "B14 a bare LF in a header": post(SIMPLE_JSON, "X: a\nY z"),
        "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    }
    chunked = head("POST", DEV, "Content-Type: application/json", "Transfer-Encoding: chunked")
    for size in ("0x5", "+5", "-5", "ffffffffffffffff0", "5 5"):
        framing[f"B10 chunk size {size}"] = chunked + f"{size}\r\n".encode() + b"hello\r\n0\r\n\r\n"
    for name, request in framing.items():
        yield BadRequest(name, request, 400, ANY)


def paths() -> Iterator[BadRequest]:
    """Table D: what is not there."""
    not_models = [
        "..",
        "%2e%2e/x",
        "..%2f..%2fv1",
        "..\\x",
        "flux-1;/dev",
        "/flux-1/dev",
        "@evil",
        "http://evil/x",
    ]
    not_models += [
        "flux-1/dev/",
        "flux-1/%0d%0aX:y",
        "flux-1/%ff",
        "flux-1/\uff0e\uff0e",
        "a/" * 300,
        "a" * 10_000,
    ]
    not_models += [f"flux-1/requests/{UNKNOWN_ID}", "flux-1/requests", "flux-1%2fdev%2f"]
    for name in not_models:
        path = "/fal-ai/" + "".join(c if c.isascii() else f"%{c.encode().hex('%')}" for c in name)
        yield BadRequest(f"D a model {name[:30]!r}", post(SIMPLE_JSON, path=path), (403, 404), ANY)
    for name in ("fal-ai/flux-1/dew", "fal-ai/FLUX-1/dev", "fal-ai/fast-sdxl"):
        request = post(SIMPLE_JSON, path=f"/{name}")
        yield BadRequest(f"D an unlisted model {name}", request, 403, "model_not_allowed")
    yield BadRequest("D4 a NUL", post(SIMPLE_JSON, path="/fal-ai/flux-1/d%00ev"), 400, "bad_request")
    ids = [
        UNKNOWN_ID,
        "x",
        "' OR 1=1 --".replace(" ", "%20"),
        "%2e%2e",
        "a" * 10_000,
        f"{UNKNOWN_ID}%0a",
        "%ff",
    ]
    for name in ids:
        for end in ("", "/status", "/response"):
            request = head("GET", f"/fal-ai/flux-1/requests/{name}{end}")
            yield BadRequest(f"D an id {name[:36]}{end}", request, 404, "not_found")
        cancel = head("PUT", f"/fal-ai/flux-1/requests/{name}/cancel")
        yield BadRequest(f"D cancelling {name[:36]}", cancel, 404, "not_found")
    for end in ("/nothing", "/status/", "/cancel", "/status/x"):
        request = head("GET", f"/fal-ai/flux-1/requests/{UNKNOWN_ID}{end}")
        yield BadRequest(f"D what of a job {end}", request, (404, 405), ANY)
    for method in ("DELETE", "PATCH", "PUT", "HEAD", "OPTIONS", "TRACE"):
        yield BadRequest(f"B19 {method}", head(method, DEV), (404, 405), ANY)


BAD_REQUESTS = (*json_bodies(), *wrong_values(), *sizes(), *transport(), *paths())
