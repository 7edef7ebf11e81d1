"""An upstream that says the credential it was sent wherever it can: in bodies, headers, logs, redirects."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.pictures import picture

# What a prompt asks for, as in the simulator: `[submit 422]`, `[status 500]`, `[result 422]`.
TROUBLE = re.compile(rb"\[(submit|status|result) (\d{3})\]")


class EchoingUpstream:
    """Remembers the credentials that it was sent, and where the pictures of its jobs are said to be."""

    def __init__(self, address: str, picture_query: str) -> None:
        self.address = address
        self.picture_query = picture_query
        self.credentials: set[str] = set()
        self.troubles: dict[str, dict[str, int]] = {}

    def answer_to(self, path: str, body: bytes) -> tuple[int, Any]:
        """The status and the document of an answer; the credential is put into it afterwards."""
        if path.startswith("/picture"):
            return (404, {"detail": "there is no such picture"}) if "gone" in path else (200, picture())
        if "/requests/" not in path:
            job_id = f"job-{len(self.troubles)}"
            self.troubles[job_id] = {kind.decode(): int(code) for kind, code in TROUBLE.findall(body)}
            status = self.troubles[job_id].get("submit", 200)
            return status, {"request_id": job_id, "status": "IN_QUEUE", "queue_position": 0}
        job_id = path.split("/requests/")[1].partition("/")[0].partition("?")[0]
        is_status = "/status" in path
        code = self.troubles[job_id].get("status" if is_status else "result", 200)
        if is_status:
            return code, {"status": "COMPLETED", "logs": [{"message": "called by {}", "level": "INFO"}]}
        urls = [f"{self.address}/picture{name}.png?{self.picture_query}" for name in ("", "-gone")]
        return code, {"images": [{"url": url, "width": 8, "height": 8} for url in urls], "seed": 1}


@contextmanager
def echoing(picture_query: str) -> Iterator[EchoingUpstream]:
    """Such an upstream on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            credential = self.headers.get("authorization", "nobody")
            upstream.credentials.add(credential)
            status, document = upstream.answer_to(self.path, body)
            content = document if isinstance(document, bytes) else self.told(document, status, credential)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.send_header("content-type", "application/json")
            for name in ("x-fal-error-type", "x-fal-retryable", "x-fal-request-id"):
                self.send_header(name, credential)
            self.send_header("location", f"{upstream.address}/?key={credential}")
            self.end_headers()
            self.wfile.write(content)

        def told(self, document: dict[str, Any], status: int, credential: str) -> bytes:
            whole = {**document, "note": credential}
            if status >= 400:
                whole = {"detail": f"{credential} is not welcome", "error_type": credential}
            return json.dumps(whole).replace("called by {}", credential).encode()

        do_GET = do_POST = do_PUT = answer  # noqa: N815 # the names that the standard library looks for

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        upstream = EchoingUpstream(f"http://127.0.0.1:{server.server_address[1]}", picture_query)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()
