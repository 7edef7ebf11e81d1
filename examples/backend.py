"""The backend of one page: it serves the page, and mints browser tokens with a key that never leaves it.

Python's standard library alone. Let the gateway allow the page's origin, then start this:

    FLUXGATE_CORS_ORIGINS=http://localhost:3000 make run
    FLUXGATE_URL=http://127.0.0.1:8000 FLUXGATE_KEY=fg_... python examples/backend.py 3000
"""

import json
import os
import sys
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

GATEWAY = os.environ["FLUXGATE_URL"].rstrip("/")
KEY = os.environ["FLUXGATE_KEY"]
PAGE = Path(__file__).with_name("front-end.html")
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
ORIGIN = f"http://localhost:{PORT}"


def mint_token(end_user: str) -> str:
    """Asks the gateway for a token that one of our users may hold."""
    limits = {
        "ttl_seconds": 600,
        "origin": ORIGIN,
        "models": ["fal-ai/flux-1/dev"],
        "max_images": 4,
        "max_cost_usd": "0.20",
        "end_user": end_user,
    }
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = Request(f"{GATEWAY}/api/tokens", json.dumps(limits).encode(), headers)
    with urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["token"])


class Backend(BaseHTTPRequestHandler):
    """Two addresses: the page, and a token for it."""

    def do_GET(self) -> None:
        """The page."""
        if self.path == "/":
            self._answer(200, "text/html; charset=utf-8", PAGE.read_bytes())
        else:
            self._answer(404, "text/plain", b"Not found")

    def do_POST(self) -> None:
        """A token. Here you find out who is logged in, and whether they may have one."""
        if self.path != "/token":
            self._answer(404, "text/plain", b"Not found")
            return
        try:
            access = {"gateway": GATEWAY, "token": mint_token(end_user="a visitor")}
        except (HTTPError, HTTPException, OSError) as error:
            self.log_error("no token: %s", error)
            self._answer(502, "text/plain", b"No token")
            return
        self._answer(200, "application/json", json.dumps(access).encode())

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Backend).serve_forever()
