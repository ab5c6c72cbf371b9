"""Producer -> Kinesis -> job -> Delta, with a reshard in the middle and a kill: every record is accounted for."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from job_rig import KNOWN, make_rig, upload, upload_id, write_wave
from pyspark.sql import SparkSession
from rich.console import Console

from streaming.aws import kinesis_client
from streaming.demo import (
    COMMAND,
    TIMEOUT_S,
    job_line,
    produce_files,
    produce_records,
    read_table,
    run_over_kinesis,
)
from streaming.demo_transport import STREAM, OverKinesis
from streaming.kinesis_options import CONNECTOR
from streaming.kinesis_writer import KinesisWriter
from streaming.local_kinesis import CREDENTIALS, REGION, LocalKinesis
from streaming.run import run
from streaming.settings import load_settings
from streaming.stream_load import sample_records

pytestmark = pytest.mark.spark
PATIENCE_SECONDS = 300.0
BATCH_BYTES = 1 << 20  # so that the uploads, and the two shards' ends, are spread over several batches
# What says when, where and by which settings, and not what an upload is.
OF_THE_RUN = {"upload_id", "stream", "stored_at", "settings_sha256", "evidence"}
OF_THE_RUN |= {"first_sequence_number", "last_sequence_number"}
OF_THE_RUN |= {"first_arrival", "last_arrival", "decided_at", "latency_ms"}


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalKinesis]:
    with LocalKinesis({STREAM: 2}) as kinesis:
        for name, value in kinesis.environment.items():
            monkeypatch.setenv(name, value)
        yield kinesis


@pytest.mark.timeout(900)
def test_every_record_is_accounted_for_through_a_reshard_and_a_kill_and_the_demo_has_the_same_verdicts(
    demo_folder: Path, kinesis: LocalKinesis, spark: SparkSession, tmp_path: Path
) -> None:
    console, transport = Console(file=io.StringIO()), OverKinesis(kinesis.url)
    client = kinesis_client(REGION, kinesis.url)
    (tmp_path / "uploads").mkdir()
    (tmp_path / "index").symlink_to(demo_folder / "index")

    produce_files(tmp_path / "uploads", transport, console)
    with KilledJob(tmp_path, transport) as job:
        job.wait_until(lambda: job.planned() >= 1)  # the first batch is written: the stream is being read
        split(client)
        produce_records(transport, console)
        job.wait_until(lambda: job.planned() > job.committed() >= 1)
        job.kill()
    assert job.planned() > job.committed()  # in the middle of a batch
    run(
        load_settings(
            {
                "source": f"kinesis:{STREAM}",
                "kinesis_region": REGION,
                "kinesis_endpoint_url": kinesis.url,
                **{name: str(tmp_path / name) for name in ("index", "lake", "checkpoint")},
                "timeout_seconds": TIMEOUT_S,
                "trigger_seconds": 2.0,  # few empty batches until what lacks a chunk is given up
                "drain": True,
            }
        ),
        spark,
    )

    verdicts, rejections = (read_table(tmp_path / "lake", name) for name in ("verdicts", "rejections"))
    put = sample_records(client, STREAM, PATIENCE_SECONDS * 3)
    assert sum(row["chunks_received"] + row["chunks_duplicate"] for row in verdicts) + len(rejections) == len(put)
    assert {row["partition_key"] for row in [*verdicts, *rejections]} == {key for key, _ in put}
    assert {row["stream"] for row in verdicts} == {STREAM}
    assert told(verdicts) == told(read_table(demo_folder / "lake", "verdicts"))
    assert [row["reason"] for row in rejections] == ["wire.crc32"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_make_demo_kinesis_has_the_verdicts_of_make_demo(
    demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)  # it sets them itself, and this takes them away again
    run_over_kinesis(tmp_path / ".demo-kinesis", Console(file=io.StringIO()))
    verdicts, by_files = (
        read_table(folder / "lake", "verdicts") for folder in (tmp_path / ".demo-kinesis", demo_folder)
    )
    assert told(verdicts) == told(by_files)


def told(verdicts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What verdicts say of the uploads, in the order of their names; two for one upload are an error."""
    assert len({row["track_name"] for row in verdicts}) == len(verdicts)
    return [
        {name: value for name, value in row.items() if name not in OF_THE_RUN}
        for row in sorted(verdicts, key=lambda row: row["track_name"])
    ]


def split(client: Any) -> None:
    """Split the first shard in the middle."""
    shard = client.list_shards(StreamName=STREAM)["Shards"][0]
    low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
    middle = str((low + high) // 2)
    client.split_shard(StreamName=STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle)
    while client.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.05)


class KilledJob:
    """The demo's own job line in a process group of its own, with small batches; ended with the test whatever happens.

    It gives no upload up: how long it is killed for is not the uploads' fault.
    """

    def __init__(self, folder: Path, transport: OverKinesis) -> None:
        self._checkpoint = folder / "checkpoint"
        self._log = folder / "job.log"
        line = [str(COMMAND), *job_line(folder, transport), "--timeout-seconds", "600", "--trigger-seconds", "0.2"]
        # The JVM lives for seconds: compiling well does not pay.
        java = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
        environment = {**os.environ, **java, "SOUNDGATE_MAX_BATCH_BYTES": str(BATCH_BYTES)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(line, env=environment, stdout=log, stderr=log, start_new_session=True)

    def __enter__(self) -> KilledJob:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()

    def planned(self) -> int:
        """How many batches were planned."""
        return len(list((self._checkpoint / "offsets").glob("[0-9]*")))

    def committed(self) -> int:
        """How many batches were committed."""
        return len(list((self._checkpoint / "commits").glob("[0-9]*")))

    def kill(self) -> None:
        """Kill the process, its JVM and its workers."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait_until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.02)


@pytest.mark.skipif(not os.environ.get("SOUNDGATE_KINESIS_JAR"), reason="SOUNDGATE_KINESIS_JAR names no connector")
@pytest.mark.timeout(600)
def test_the_connector_reads_the_same_stream(kinesis: LocalKinesis, index: Path, tmp_path: Path) -> None:
    rig = make_rig(tmp_path, index)
    writer = KinesisWriter(kinesis_client(REGION, kinesis.url), STREAM)
    writer.write([*upload(1, write_wave(KNOWN)), *upload(2, write_wave(2))])
    line = [str(COMMAND), "run", "--source", f"kinesis:{STREAM}", "--endpoint-url", kinesis.url, "--region", REGION]
    line += ["--index", str(index), "--lake", str(tmp_path / "lake"), "--checkpoint", str(tmp_path / "checkpoint")]
    environment = {
        **os.environ,
        "SOUNDGATE_KINESIS_READER": CONNECTOR,
        "JAVA_TOOL_OPTIONS": "-Daws.cborEnabled=false",  # the local server speaks JSON alone
    }
    subprocess.run([*line, "--drain"], check=True, env=environment, timeout=PATIENCE_SECONDS)
    assert {row["decision"] for row in rig.verdicts().values()} == {"accept"}
    assert set(rig.verdicts()) == {upload_id(1), upload_id(2)}
