"""The real job with metrics and a publisher: what they say agrees with the tables, and neither can stop the job."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from job_rig import KNOWN, Rig, upload, upload_id, write_wave
from pyspark.sql import SparkSession

from streaming.producer import Record

pytestmark = pytest.mark.spark


def test_metrics_and_published_verdicts_agree_with_the_tables(
    spark: SparkSession, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            published.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["upload_id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("streaming.companions.FLUSH_SECONDS", 10.0)
    rig = Rig(tmp_path, index, {})
    whole = upload(1, write_wave(KNOWN))
    rig.put(whole)
    rig.put([*upload(2, write_wave(3))[:-1], Record("user2/x.wav", b"neither format")])
    log = tmp_path / "metrics.log"
    try:
        rig.drain(
            spark,
            timeout_seconds=2.0,
            metrics=[f"log:{log}"],
            publish=[f"http://127.0.0.1:{server.server_port}/", "http://127.0.0.1:9/down"],
        )
    finally:
        server.shutdown()
        server.server_close()

    batches = [json.loads(line) for line in log.read_text().splitlines()]
    decisions: Counter[str] = Counter()
    rejections: Counter[str] = Counter()
    for batch in batches:
        decisions.update(batch["decisions"])
        rejections.update(batch["rejections"])
    verdicts = rig.verdicts()
    assert decisions == Counter(row["decision"] for row in verdicts.values())
    assert rejections == Counter(row["reason"] for row in rig.rejections())
    assert decisions["incomplete"] == 1
    assert sum(rejections.values()) == 1
    records = [*whole, *upload(2, write_wave(3))[:-1]]
    assert sum(batch["InputRecords"] for batch in batches) == len(records) + 1
    assert sum(batch["InputBytes"] for batch in batches) == sum(len(r.data) for r in records) + len(b"neither format")
    assert max(batch["UploadsInFlight"] for batch in batches) == 1
    assert batches[-1]["UploadsInFlight"] == 0
    (judged,) = [batch for batch in batches if "JudgeSecondsP95" in batch]
    assert judged["JudgeSecondsP95"] > 0
    assert judged["decisions"] != {"incomplete": 1}
    assert judged["LatencySecondsP95"] * 1000 == verdicts[upload_id(1)]["latency_ms"]
    assert max(batch["StateRows"] for batch in batches) > 0
    assert sorted(published) == sorted(verdicts)  # each once, although the other target was down all along
