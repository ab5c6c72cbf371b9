"""A batch's progress becomes numbers, and these reach Prometheus, CloudWatch and a log under the same meaning."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
import yaml
from moto import mock_aws
from prometheus_client.parser import text_string_to_metric_families

from streaming.companions import Companions, Meter
from streaming.errors import UserError
from streaming.metrics import BatchMetrics, Counted, by_name, lag, measure, percentile
from streaming.metrics_exporters import REASONS_A_BATCH, Exporter, Prometheus, as_embedded, open_exporter
from streaming.settings import load_settings

ROOT = Path(__file__).parents[2]
COUNTED = Counted(
    decisions={"accept": 3, "reject": 1},
    rejections={"chunk.late": 2},
    errors=1,
    judge_ms=(100, 200, 300, 4000),
    latency_ms=(1000, 2000, 3000, 60_000),
    newest_arrival_ms=1_795_255_200_000,
    in_flight=7,
)
PROGRESS = {
    "name": "soundgate",
    "batchId": 12,
    "timestamp": "2026-11-21T10:00:03.000Z",
    "numInputRows": 40,
    "durationMs": {"triggerExecution": 2500},
    "stateOperators": [
        {"numRowsTotal": 30, "memoryUsedBytes": 1000, "customMetrics": {"rocksdbSstFileSize": 500}},
        {"numRowsTotal": 3, "memoryUsedBytes": 1},
    ],
    "sources": [{"metrics": {}}],
    "observedMetrics": {"records": {"bytes": 10_000_000}},
}
METRICS = measure(PROGRESS, COUNTED, trigger_seconds=5.0, publisher_behind=90.0)


# ----------------------------------------------------------------------------------------------------------- measure


def test_progress_and_counts_become_one_batch() -> None:
    expected = BatchMetrics(
        batch_id=12,
        at=datetime(2026, 11, 21, 10, 0, 3, tzinfo=UTC),
        records=40,
        record_bytes=10_000_000,
        batch_seconds=2.5,
        trigger_seconds=5.0,
        lag_seconds=5.5,
        state_rows=33,
        state_bytes=1501,
        counted=COUNTED,
        publisher_behind_seconds=90.0,
    )
    assert expected == METRICS
    assert METRICS.per_trigger == 0.5


def test_what_spark_does_not_say_is_not_made_up() -> None:
    bare = measure({"batchId": 0, "timestamp": "2026-11-21T10:00:03.000Z"}, Counted(), trigger_seconds=0)
    values = by_name(bare)
    assert bare.record_bytes is None
    assert bare.per_trigger is None
    for name in ("InputBytes", "LagSeconds", "BatchDurationPerTrigger", "JudgeSecondsP95", "PublisherBehindSeconds"):
        assert name not in values
    assert values["InputRecords"] == (0, "Count")


def test_the_source_that_is_furthest_behind_counts() -> None:
    progress = {
        "sources": [
            {"metrics": {"maxMsBehindLatest": "1500", "shards": "4"}},
            {"metrics": {"avgMsBehindLatest": "NaN", "max_ms_behind_latest": "90000"}},
        ]
    }
    assert lag(progress, newest_arrival_ms=0, ended=5.0) == 90.0


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [((), 0.5, None), ((7,), 0.95, 7.0), ((4, 1, 3, 2), 0.5, 2.0), (tuple(range(1, 101)), 0.95, 95.0)],
)
def test_percentiles_are_the_nearest_rank(values: tuple[int, ...], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


# --------------------------------------------------------------------------------------------------------- exporters


def samples(registry_text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(registry_text)
        for sample in family.samples
    }


def test_prometheus_can_scrape_it_and_counters_add_up() -> None:
    exporter = open_exporter("prometheus:0", "gate")
    assert isinstance(exporter, Prometheus)
    try:
        exporter.export(METRICS)
        exporter.export(METRICS)
        with urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=5) as answer:
            found = samples(answer.read().decode())
    finally:
        exporter.close()
    assert found["soundgate_batches_total", ()] == 2
    assert found["soundgate_records_total", ()] == 80
    assert found["soundgate_record_bytes_total", ()] == 20_000_000
    assert found["soundgate_decisions_total", (("decision", "accept"),)] == 6
    assert found["soundgate_rejections_total", (("reason", "chunk.late"),)] == 4
    assert found["soundgate_uploads_in_flight", ()] == 7
    assert found["soundgate_judge_seconds_count", ()] == 8
    assert found["soundgate_judge_seconds_bucket", (("le", "0.2"),)] == 4
    assert found["soundgate_latency_seconds_sum", ()] == 132
    assert found["soundgate_publisher_behind_seconds", ()] == 90


def test_two_jobs_cannot_take_one_port_in_silence() -> None:
    first = open_exporter("prometheus:0", "gate")
    assert isinstance(first, Prometheus)
    try:
        with pytest.raises(UserError, match="prometheus"):
            open_exporter(f"prometheus:{first.port}", "gate")
    finally:
        first.close()


def test_a_gateway_is_pushed_to() -> None:
    pushed: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pushed.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        open_exporter(f"pushgateway:http://127.0.0.1:{server.server_port}", "gate").export(METRICS)
    finally:
        server.shutdown()
        server.server_close()
    (path, body) = pushed[0]
    assert path == "/metrics/job/gate"
    assert samples(body)["soundgate_state_rows", ()] == 33


def test_the_embedded_format_names_each_metric_that_it_carries() -> None:
    first, second = as_embedded("gate", METRICS)
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "soundgate"
    assert directive["Dimensions"] == [["Job"]]
    assert first["Job"] == "gate"
    assert first["_aws"]["Timestamp"] == 1_795_255_205_500
    assert {metric["Name"] for metric in directive["Metrics"]} == by_name(METRICS).keys()
    assert all(isinstance(first[metric["Name"]], int | float) for metric in directive["Metrics"])
    assert first["LatencySecondsP95"] == 60
    assert first["JudgeSecondsP50"] == 0.2
    assert second["Reason"] == "chunk.late"
    assert second["RejectionsByReason"] == 2
    assert second["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Job", "Reason"]]


def test_a_flood_of_reasons_makes_no_flood_of_metrics() -> None:
    flood = replace(METRICS, counted=replace(COUNTED, rejections={f"r{i}": 1 for i in range(5000)}))
    assert len(as_embedded("gate", flood)) == 1 + REASONS_A_BATCH
    assert as_embedded("gate", flood)[0]["Rejections"] == 5000


def test_lines_are_appended_one_a_batch(tmp_path: Path) -> None:
    for _ in range(2):
        exporter = open_exporter(f"log:{tmp_path}/new/metrics.log", "gate")
        exporter.export(METRICS)
        exporter.close()
    lines = [json.loads(line) for line in (tmp_path / "new/metrics.log").read_text().splitlines()]
    assert len(lines) == 2
    assert lines[0]["batch_id"] == 12
    assert lines[0]["decisions"] == {"accept": 3, "reject": 1}
    assert lines[0]["rejections"] == {"chunk.late": 2}


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.client("logs")


def test_cloudwatch_gets_log_events_in_a_stream_of_its_own(logs: Any) -> None:
    logs.create_log_group(logGroupName="/soundgate/gate")
    exporter = open_exporter("cloudwatch:/soundgate/gate", "gate")
    exporter.export(METRICS)
    exporter.export(METRICS)
    (stream,) = logs.describe_log_streams(logGroupName="/soundgate/gate")["logStreams"]
    events = logs.get_log_events(logGroupName="/soundgate/gate", logStreamName=stream["logStreamName"])["events"]
    assert len(events) == 4
    assert json.loads(events[0]["message"])["InputRecords"] == 40


def test_a_log_stream_that_was_made_by_a_call_without_a_reply_is_used(logs: Any) -> None:
    logs.create_log_group(logGroupName="/soundgate/gate")
    exporter = open_exporter("cloudwatch:/soundgate/gate", "gate")
    logs.create_log_stream(logGroupName="/soundgate/gate", logStreamName=exporter._stream)  # type: ignore[attr-defined]
    exporter.export(METRICS)
    (stream,) = logs.describe_log_streams(logGroupName="/soundgate/gate")["logStreams"]
    assert logs.get_log_events(logGroupName="/soundgate/gate", logStreamName=stream["logStreamName"])["events"]


@pytest.mark.parametrize(
    "text", ["", "prometheus:", "prometheus:x", "prometheus:65536", "pushgateway:host", "emf:", "statsd:x", "log"]
)
def test_a_place_for_metrics_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="prometheus:PORT"):
        open_exporter(text, "gate")


def test_a_wrong_place_stops_the_start_of_the_job(tmp_path: Path) -> None:
    flags = {"source": f"files:{tmp_path}", "lake": str(tmp_path), "checkpoint": str(tmp_path), "index": tmp_path}
    with pytest.raises(UserError, match="write prometheus:PORT"):
        Companions(load_settings({**flags, "metrics": ["nowhere"]}))
    with pytest.raises(UserError, match="--to mail"):
        Companions(load_settings({**flags, "publish": ["mail:x"]}))


# ------------------------------------------------------------------------------------------------------------- meter


class Failing:
    def __init__(self) -> None:
        self.calls = 0

    def export(self, metrics: BatchMetrics) -> None:
        self.calls += 1
        raise ConnectionError("down")

    def close(self) -> None:
        pass


class Keeping:
    def __init__(self, hang: threading.Event | None = None) -> None:
        self.kept: list[int] = []
        self.hang = hang

    def export(self, metrics: BatchMetrics) -> None:
        if self.hang:
            self.hang.wait(5)
        self.kept.append(metrics.batch_id)

    def close(self) -> None:
        pass


def make_meter(*exporters: Exporter) -> Meter:
    return Meter(exporters, 5.0, lambda: None)


def test_an_exporter_that_fails_does_not_keep_the_others_from_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    failing, keeping = Failing(), Keeping()
    meter = make_meter(failing, keeping)
    meter.take(METRICS)
    meter.take(METRICS)
    meter.close(5)
    assert failing.calls == 2
    assert keeping.kept == [12, 12]
    assert "Failing failed: ConnectionError: down" in capsys.readouterr().err


def test_an_exporter_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.companions.QUEUED_BATCHES", 3)
    released = threading.Event()
    keeping = Keeping(released)
    meter = make_meter(keeping)
    started = time.monotonic()
    for batch_id in range(50):
        meter.take(replace(METRICS, batch_id=batch_id))
    assert time.monotonic() - started < 1
    released.set()
    time.sleep(0.2)
    meter.close(5)
    assert keeping.kept[-1] == 49  # the newest are there, the oldest gave way
    assert len(keeping.kept) <= 5


# --------------------------------------------------------------------------------------------- alarms and dashboards


def names_in_cloudwatch(text: str) -> set[str]:
    return set(re.findall(r"MetricName:\s*([A-Za-z0-9]+)", text))


def test_the_alarms_watch_metrics_that_the_job_sends() -> None:
    text = (ROOT / "emr/dashboards/alarms.yaml").read_text(encoding="utf-8")
    assert names_in_cloudwatch(text) <= by_name(METRICS).keys()
    assert len(names_in_cloudwatch(text)) >= 8


def prometheus_names() -> set[str]:
    exporter = Prometheus("gate")
    exporter.export(METRICS)
    return {sample.name for family in exporter.registry.collect() for sample in family.samples}


@pytest.mark.parametrize("name", ["alerts.yaml", "grafana.json", "cloudwatch.json"])
def test_rules_and_dashboards_use_metrics_that_exist(name: str) -> None:
    text = (ROOT / "emr/dashboards" / name).read_text(encoding="utf-8")
    if name == "cloudwatch.json":
        json.loads(text)
        used = set(re.findall(r'"soundgate",\s*"([A-Za-z0-9]+)"', text))
        assert used <= {*by_name(METRICS), "RejectionsByReason"}
    else:
        yaml.safe_load(text)
        used = set(re.findall(r"\bsoundgate_[a-z0-9_]+", text))
        assert used <= prometheus_names(), used - prometheus_names()
    assert len(used) >= 8


def test_each_metric_is_in_the_documentation_by_its_name() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    told = {name for name in prometheus_names() if not name.endswith("_created")}
    series = {re.sub(r"_(bucket|count|sum)$", "", name) for name in told}
    for name in {*by_name(METRICS), "RejectionsByReason", *series}:
        assert re.search(rf"\b{name}\b", text), name


def test_each_alert_of_prometheus_has_the_page_of_its_alarm() -> None:
    rules = yaml.safe_load((ROOT / "emr/dashboards/alerts.yaml").read_text(encoding="utf-8"))
    pages = {page.name for page in (ROOT / "docs/runbook").glob("*.md")}
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert alerts
    for alert in alerts:
        assert alert["annotations"]["runbook"].removeprefix("docs/runbook/") in pages, alert["alert"]
