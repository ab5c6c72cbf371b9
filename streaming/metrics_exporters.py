"""Where metrics go: Prometheus, CloudWatch's embedded metric format, a JSON log. Each takes one batch at a time."""

from __future__ import annotations

import json
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, pushadd_to_gateway, start_http_server

from streaming.errors import UserError
from streaming.metrics import BatchMetrics, by_name

NAMESPACE = "soundgate"
JUDGE_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
LATENCY_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
# What one log event of CloudWatch may hold is far more; this bounds what strangers can make us write.
REASONS_A_BATCH = 50
LAST_PORT = 65_535


class Exporter(Protocol):
    """Takes metrics; raises OSError or a client's own error when its target fails, and is tried again next batch."""

    def export(self, metrics: BatchMetrics) -> None:
        """Send a batch's metrics."""

    def close(self) -> None:
        """Let go of ports and files."""


class Prometheus:
    """Keeps Prometheus metrics, to be scraped from a port or pushed to a gateway."""

    def __init__(
        self, job: str, port: int | None = None, gateway: str | None = None, address: str = "127.0.0.1"
    ) -> None:
        self.registry = CollectorRegistry()
        self._job, self._gateway = job, gateway
        self._make_metrics()
        self._server: Any = None
        if port is not None:
            try:
                self._server, self._thread = start_http_server(port, address, self.registry)
            except OSError as error:
                raise UserError(f"--metrics prometheus:{address}:{port}: {error}") from error
            self.port = self._server.server_port

    def _make_metrics(self) -> None:
        registry = self.registry
        self._batches = Counter("soundgate_batches", "Batches that ended.", registry=registry)
        self._records = Counter("soundgate_records", "Records read.", registry=registry)
        self._bytes = Counter("soundgate_record_bytes", "Bytes of the records read.", registry=registry)
        self._decisions = Counter("soundgate_decisions", "Verdicts by decision.", ["decision"], registry=registry)
        self._rejections = Counter("soundgate_rejections", "Rejected records by reason.", ["reason"], registry=registry)
        self._errors = Counter("soundgate_verdict_errors", "Verdicts with a fault of ours.", registry=registry)
        self._judge = Histogram(
            "soundgate_judge_seconds", "Judging one track.", buckets=JUDGE_BUCKETS, registry=registry
        )
        self._latency = Histogram(
            "soundgate_latency_seconds", "Last chunk to verdict.", buckets=LATENCY_BUCKETS, registry=registry
        )
        self._gauges = {
            name: Gauge(f"soundgate_{name}", what, registry=registry)
            for name, what in (
                ("batch_seconds", "Duration of the last batch."),
                ("trigger_seconds", "The trigger interval."),
                ("lag_seconds", "How far the job is behind its source."),
                ("state_rows", "Rows in the state store."),
                ("state_bytes", "Bytes in the state store."),
                ("uploads_in_flight", "Uploads without verdict."),
                ("timeout_shortened", "1 while too many open uploads leave each less time."),
                ("publisher_behind_seconds", "Age of the oldest verdict that is not published."),
                ("last_batch_timestamp_seconds", "When the last batch ended."),
            )
        }

    def export(self, metrics: BatchMetrics) -> None:
        """Take a batch's numbers, and push them where a gateway is set."""
        counted = metrics.counted
        self._batches.inc()
        self._records.inc(metrics.records)
        self._bytes.inc(metrics.record_bytes or 0)
        self._errors.inc(counted.errors)
        for decision, number in counted.decisions.items():
            self._decisions.labels(decision).inc(number)
        for reason, number in counted.rejections.items():
            self._rejections.labels(reason).inc(number)
        for milliseconds in counted.judge_ms:
            self._judge.observe(milliseconds / 1000)
        for milliseconds in counted.latency_ms:
            self._latency.observe(milliseconds / 1000)
        values = {
            "batch_seconds": metrics.batch_seconds,
            "trigger_seconds": metrics.trigger_seconds,
            "lag_seconds": metrics.lag_seconds,
            "state_rows": metrics.state_rows,
            "state_bytes": metrics.state_bytes,
            "uploads_in_flight": counted.in_flight,
            "timeout_shortened": int(counted.shortened),
            "publisher_behind_seconds": metrics.publisher_behind_seconds,
            "last_batch_timestamp_seconds": metrics.at.timestamp() + metrics.batch_seconds,
        }
        for name, value in values.items():
            if value is not None:
                self._gauges[name].set(value)
        if self._gateway:
            pushadd_to_gateway(self._gateway, self._job, self.registry, timeout=10)

    def close(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class Lines:
    """Appends lines to a file, or to standard output where the name is ``-``."""

    def __init__(self, name: str) -> None:
        self._file = sys.stdout if name == "-" else open_for_append(Path(name))

    def write(self, line: str) -> None:
        """Write one line and flush it."""
        self._file.write(f"{line}\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._file is not sys.stdout:
            self._file.close()


class JsonLog:
    """One JSON object a line and batch, with everything in it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def export(self, metrics: BatchMetrics) -> None:
        """Write a batch's line."""
        self._lines.write(json.dumps(as_log(metrics), ensure_ascii=True))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


class EmbeddedMetrics:
    """CloudWatch's embedded metric format, as lines that an agent or EMR Serverless carries to CloudWatch Logs."""

    def __init__(self, job: str, lines: Lines) -> None:
        self._job, self._lines = job, lines

    def export(self, metrics: BatchMetrics) -> None:
        """Write a batch's lines: one with its numbers, one for each reason of rejection."""
        for document in as_embedded(self._job, metrics):
            self._lines.write(json.dumps(document, ensure_ascii=True))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


class CloudWatchLogs:
    """The same format, sent to a log group by ourselves, in a stream of this process's own."""

    def __init__(self, job: str, group: str, client: Any) -> None:
        self._job, self._group, self._client = job, group, client
        self._stream = f"{time.strftime('%Y-%m-%d', time.gmtime())}/{uuid.uuid4().hex}"
        self._made = False

    def export(self, metrics: BatchMetrics) -> None:
        """Put a batch's log events."""
        if not self._made:
            with suppress(self._client.exceptions.ResourceAlreadyExistsException):  # made by a try whose reply was lost
                self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
            self._made = True
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": json.dumps(d)} for d in as_embedded(self._job, metrics)]
        self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=events)

    def close(self) -> None:
        """Nothing is held open."""


def as_log(metrics: BatchMetrics) -> dict[str, Any]:
    """Lay out a batch for the JSON log."""
    return {
        "at": metrics.at.isoformat(),
        "batch_id": metrics.batch_id,
        **{name: value for name, (value, _) in by_name(metrics).items()},
        "decisions": dict(metrics.counted.decisions),
        "rejections": dict(metrics.counted.rejections),
    }


def as_embedded(job: str, metrics: BatchMetrics) -> list[dict[str, Any]]:
    """Lay out a batch in the embedded metric format (CloudWatch, "Specification: Embedded metric format")."""
    values = by_name(metrics)
    documents = [
        embed(metrics, {"Job": job}, {name: unit for name, (_, unit) in values.items()})
        | {name: value for name, (value, _) in values.items()}
        | {"BatchId": metrics.batch_id}
    ]
    for reason, number in sorted(metrics.counted.rejections.items())[:REASONS_A_BATCH]:
        where = {"Job": job, "Reason": reason}
        documents.append(embed(metrics, where, {"RejectionsByReason": "Count"}) | {"RejectionsByReason": number})
    return documents


def embed(metrics: BatchMetrics, dimensions: dict[str, str], units: dict[str, str]) -> dict[str, Any]:
    """Give the ``_aws`` member that makes metrics of the members beside it."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    stamp = int((metrics.at.timestamp() + metrics.batch_seconds) * 1000)
    return {"_aws": {"Timestamp": stamp, "CloudWatchMetrics": [directive]}, **dimensions}


def open_for_append(path: Path) -> Any:
    """Open a log file; raises `UserError` where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--metrics cannot write {path}: {error}") from error


def open_exporter(text: str, job: str) -> Exporter:
    """Open what ``--metrics`` names.

    ``prometheus:[ADDRESS:]PORT``, ``pushgateway:http://HOST:PORT``, ``emf:FILE``, ``cloudwatch:LOG_GROUP``,
    ``log:FILE``; FILE may be ``-`` for standard output.
    """
    kind, _, where = text.partition(":")
    address, _, port = where.rpartition(":")
    if kind == "prometheus" and port.isdecimal() and int(port) <= LAST_PORT:
        return Prometheus(job, port=int(port), address=address or "127.0.0.1")
    if kind == "pushgateway" and urlsplit(where).scheme in ("http", "https"):
        return Prometheus(job, gateway=where)
    if kind == "emf" and where:
        return EmbeddedMetrics(job, Lines(where))
    if kind == "log" and where:
        return JsonLog(Lines(where))
    if kind == "cloudwatch" and where:
        from streaming.aws import make_client

        return CloudWatchLogs(job, where, make_client("logs"))
    raise UserError(
        f"--metrics {text}: write prometheus:PORT, pushgateway:URL, emf:FILE, cloudwatch:LOG_GROUP or log:FILE"
    )
