"""A server that behaves like Freesound's API, version 2, and can misbehave as a real one does at times."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "k3y"
CC0 = "http://creativecommons.org/publicdomain/zero/1.0/"
BY = "https://creativecommons.org/licenses/by/4.0/"


class Freesound(ThreadingHTTPServer):
    """Sounds by id: (name, licence, duration in seconds, the preview's bytes); `faults` are answered first.

    A fault is (status, headers, body) for the next request whose path begins with its key; a body of None means: the
    right answer's first half, under the right length.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sounds: dict[int, tuple[str, str, float, bytes]] = {}
        self.faults: dict[str, deque[tuple[int, dict[str, str], bytes | None]]] = {}
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.page_size = 2
        self.repeats = 0  # the page that is given for every later one
        self.keys: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def api(self) -> str:
        return f"{self.address}/apiv2"

    def fail(self, path: str, status: int, body: bytes | None = b"{}", **headers: str) -> None:
        """Answer the next request for a path otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.setdefault(path, deque()).append((status, named, body))

    def describe(self, number: int) -> dict[str, Any]:
        name, licence, duration, _ = self.sounds[number]
        return {
            "id": number, "name": name, "username": f"user {number}", "license": licence, "duration": duration,
            "md5": "0" * 32, "url": f"https://freesound.org/people/u/sounds/{number}/",
            "previews": {"preview-hq-ogg": f"{self.address}/data/previews/{number}-hq.ogg"},
        }  # fmt: skip

    def page(self, number: int) -> dict[str, Any] | None:
        number = min(number, self.repeats or number)
        numbers = sorted(self.sounds)
        first = (number - 1) * self.page_size
        if first >= len(numbers) and number > 1:
            return None
        more = first + self.page_size < len(numbers) or bool(self.repeats)
        results = [self.describe(one) for one in numbers[first : first + self.page_size]]
        return {"count": len(numbers), "next": f"{self.api}/…" if more else None, "results": results}

    def answer(self, path: str, query: dict[str, list[str]]) -> bytes | None:
        if path == "/apiv2/search/text/":
            page = self.page(int(query["page"][0]))
            return None if page is None else json.dumps(page).encode()
        kind, _, name = path.strip("/").rpartition("/")
        number = int(name.partition("-")[0])
        if number not in self.sounds:
            return None
        return self.sounds[number][3] if kind == "data/previews" else json.dumps({"id": number}).encode()


class Handler(BaseHTTPRequestHandler):
    server: Freesound

    def do_GET(self) -> None:
        server, parts = self.server, urlsplit(self.path)
        server.asked.append(self.path)
        server.counts[parts.path] += 1
        server.keys.add(self.headers.get("Authorization", ""))
        if parts.path.startswith("/apiv2") and self.headers.get("Authorization") != f"Token {KEY}":
            self.reply(401, {}, b"{}")
            return
        right = server.answer(parts.path, parse_qs(parts.query))
        for path, waiting in server.faults.items():
            if parts.path.startswith(path) and waiting:
                status, headers, body = waiting.popleft()
                if body is None and right is not None:
                    self.reply(status, {"Content-Length": str(len(right)), **headers}, right[: len(right) // 2])
                else:
                    self.reply(status, headers, body or b"")
                return
        self.reply(404 if right is None else 200, {}, right or b'{"detail": "Not found."}')

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def freesound() -> Iterator[Freesound]:
    """Serve until the test is over."""
    server = Freesound()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
