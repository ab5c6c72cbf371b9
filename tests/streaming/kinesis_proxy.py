"""A Kinesis endpoint that misbehaves as asked: it stands before a real server and forwards what it lets through.

The code under test talks real HTTP to it with a real client; only the answers that a busy or broken service would give
are made here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

Request = dict[str, Any]
THROTTLED = {
    "ErrorCode": "ProvisionedThroughputExceededException",
    "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream s under account 1.",
}


class FaultyKinesis:
    """A proxy in front of a Kinesis API server.

    Parameters
    ----------
    upstream
        URL of the real server.

    Attributes
    ----------
    calls
        (operation, request) of every call that came, in order.
    throttle_records
        Which records of a PutRecords call are refused: called with the records, gives the set of refused positions.
    alter
        Called with operation and request; gives the request to forward.
    fail
        Called with operation and request; gives an (HTTP status, error code) to answer with, or None to let through.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.calls: list[tuple[str, Request]] = []
        self.throttle_records: Callable[[list[Request]], set[int]] = lambda records: set()
        self.alter: Callable[[str, Request], Request] = lambda operation, request: request
        self.fail: Callable[[str, Request], tuple[int, str] | None] = lambda operation, request: None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy.handle(self)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FaultyKinesis:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(name == operation for name, _ in self.calls)

    def handle(self, http: BaseHTTPRequestHandler) -> None:
        """Answer one call: with a fault, or with what the real server says."""
        body = http.rfile.read(int(http.headers["Content-Length"]))
        operation, request = http.headers["X-Amz-Target"].split(".")[1], json.loads(body)
        self.calls.append((operation, request))
        if (fault := self.fail(operation, request)) is not None:
            status, code = fault
            self._answer(http, status, json.dumps({"__type": code, "message": "as the test asked"}).encode())
            return
        if operation == "PutRecords":
            status, answer = self._put_records(http, request)
        else:
            status, answer = self._forward(http, json.dumps(self.alter(operation, request)).encode())
        self._answer(http, status, answer)

    def _put_records(self, http: BaseHTTPRequestHandler, request: Request) -> tuple[int, bytes]:
        records = request["Records"]
        refused = self.throttle_records(records)
        let_through = [record for position, record in enumerate(records) if position not in refused]
        results: list[Request] = []
        if let_through:
            status, answer = self._forward(http, json.dumps({**request, "Records": let_through}).encode())
            if status != 200:
                return status, answer
            results = json.loads(answer)["Records"]
        taken = iter(results)
        merged = [THROTTLED if position in refused else next(taken) for position in range(len(records))]
        return 200, json.dumps({"FailedRecordCount": len(refused), "Records": merged}).encode()

    def _forward(self, http: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        assert self._upstream.hostname
        connection = HTTPConnection(self._upstream.hostname, self._upstream.port, timeout=30)
        headers = {name: value for name, value in http.headers.items() if name not in ("Host", "Content-Length")}
        try:
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @staticmethod
    def _answer(http: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        http.send_response(status)
        http.send_header("Content-Type", "application/x-amz-json-1.1")
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        http.wfile.write(body)
