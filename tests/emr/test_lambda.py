"""The Lambda function for single files, with the documents that AWS sends, against S3 (moto)."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "streaming"))

from job_rig import KNOWN, write_wave
from stored_rig import aws_server, eventbridge, in_sns, notification, put, s3_record

from emr.lambda_folder import assemble
from emr.lambda_kernels import bring
from references.build import build_index
from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.object_events import EventError
from streaming.files.stored_file import PITCH_SUFFIX, REPORT_SUFFIX

ROOT = Path(__file__).parents[2]
TEXT = b"Just a text, of many lines.\n" * 2_000
DOCKERFILE = (ROOT / "emr" / "lambda" / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known")
    (folder / "known-song.wav").write_bytes(write_wave(KNOWN))
    build_index([folder / "known-song.wav"], folder / "index")
    return folder / "index"


@pytest.fixture(scope="module")
def access(index: Path) -> Iterator[Access]:
    """Set a function's environment, and fill its bucket."""
    with aws_server() as access, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", str(access.endpoint_url))
        patch.setenv("SOUNDGATE_PLACES", "s3://inbox/new s3://other")
        patch.setenv("SOUNDGATE_INDEX", str(index))
        files = {"new/a b+c.wav": write_wave(KNOWN), "new/text.wav": TEXT, "old/x.wav": write_wave(2)}
        put(access, "inbox", files | {f"new/{n}.wav": write_wave(10 + n) for n in range(4)})
        yield access


def call(event: dict[str, Any]) -> dict[str, Any]:
    from emr.lambda_handler import handler

    return handler(event, None)


def report(access: Access, key: str) -> dict[str, Any]:
    body = access.client("s3").get_object(Bucket="inbox", Key=f"{key}{REPORT_SUFFIX}")["Body"].read()
    found: dict[str, Any] = json.loads(body)
    return found


def sqs_event(*bodies: str) -> dict[str, Any]:
    """Give an event as SQS' trigger sends it."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1772366400000"},
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:arrivals",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def test_an_object_that_s3_announces_is_judged_and_reported_beside(access: Access) -> None:
    (told,) = call(json.loads(notification(s3_record("new/a+b%2Bc.wav"))))["objects"]
    assert (told["location"], told["decision"], told["known"]) == ("s3://inbox/new/a b+c.wav", "accept", False)
    found = report(access, "new/a b+c.wav")
    assert (found["upload_id"], found["identity"]) == (told["upload_id"], "match")
    assert found["matches"][0]["reference_id"] == "known-song"
    assert (found["stream"], found["partition_key"], found["stored_at"]) == ("s3://inbox/new", "a b+c.wav", None)
    body = access.client("s3").get_object(Bucket="inbox", Key=f"new/a b+c.wav{PITCH_SUFFIX}")["Body"].read()
    rows = [line.split(",") for line in body.decode().splitlines()]
    assert len(rows) > 50
    assert all(re.fullmatch(r"\d+\.\d{9}", seconds) and 65 < float(hertz) < 2094 for seconds, hertz in rows)
    again = call(json.loads(notification(s3_record("new/a+b%2Bc.wav"))))["objects"]
    assert [(each["upload_id"], each["known"]) for each in again] == [(told["upload_id"], True)]


def test_another_version_of_an_object_is_judged_anew(access: Access) -> None:
    event = json.loads(notification(s3_record("new/changing.wav")))
    put(access, "inbox", {"new/changing.wav": TEXT})
    first = call(event)["objects"][0]
    put(access, "inbox", {"new/changing.wav": write_wave(20)})
    second = call(event)["objects"][0]
    assert (first["decision"], second["decision"]) == ("reject", "accept")
    assert report(access, "new/changing.wav")["upload_id"] == second["upload_id"] != first["upload_id"]


def test_sns_and_eventbridge_are_understood(access: Access) -> None:
    by_sns = {"Records": [{"EventSource": "aws:sns", "Sns": json.loads(in_sns(notification(s3_record("new/0.wav"))))}]}
    by_bus = eventbridge("new/1.wav")
    by_bus["detail"]["object"].pop("version-id")
    assert [call(event)["objects"][0]["decision"] for event in (by_sns, by_bus)] == ["accept", "accept"]


def test_only_the_messages_that_failed_come_again(access: Access) -> None:
    vanished = notification(s3_record("new/never-there.wav"))
    answer = call(
        sqs_event(notification(s3_record("new/2.wav")), "garbage", vanished, notification(s3_record("new/text.wav")))
    )
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m1"}]
    assert [each["decision"] for each in answer["objects"]] == ["accept", None, "reject"]
    keys = [each["Key"] for each in access.client("s3").list_objects_v2(Bucket="inbox")["Contents"]]
    assert f"new/2.wav{PITCH_SUFFIX}" in keys
    assert f"new/text.wav{PITCH_SUFFIX}" not in keys  # data has no pitch


def test_what_is_written_beside_announces_nothing_and_other_places_are_passed_over(access: Access) -> None:
    own, elsewhere = s3_record(f"new/x.wav{REPORT_SUFFIX}"), s3_record("old/x.wav")
    assert call(json.loads(notification(own, elsewhere))) == {"objects": []}
    with pytest.raises(EventError):
        call({"hello": "world"})


def test_a_function_without_places_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from emr.lambda_handler import opened

    monkeypatch.delenv("SOUNDGATE_PLACES", raising=False)
    with pytest.raises(UserError, match="SOUNDGATE_PLACES is not set"):
        opened.__wrapped__()


def test_kernels_are_brought_where_they_can_be_used_once(tmp_path: Path) -> None:
    (tmp_path / "brought").mkdir()
    (tmp_path / "brought" / "kernel.nbi").write_bytes(b"x")
    assert bring(tmp_path / "brought", str(tmp_path / "cache"))
    assert (tmp_path / "cache" / "kernel.nbi").read_bytes() == b"x"
    assert not bring(tmp_path / "brought", str(tmp_path / "cache"))
    assert not bring(tmp_path / "nothing", str(tmp_path / "other"))


def test_the_image_starts_the_handler_that_is_there() -> None:
    from importlib import import_module

    (command,) = re.findall(r'^CMD \["([\w.]+)"\]$', DOCKERFILE, re.MULTILINE)
    module, _, function = command.rpartition(".")
    assert callable(getattr(import_module(module), function))
    assert "COPY . ${LAMBDA_TASK_ROOT}/" in DOCKERFILE


PROGRAM = """
import json, sys
from emr.lambda_handler import handler
answer = [handler(event, None) for event in json.load(sys.stdin)]
import emr, udfs, numpy
print(json.dumps({"answer": answer, "spark": "pyspark" in sys.modules,
                  "from": [module.__file__ for module in (emr, udfs, numpy)]}))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_function_works_out_of_its_assembled_folder(access: Access, index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "task"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    architecture = "x86_64" if platform.machine() == "x86_64" else "aarch64"
    assemble(ROOT, folder, architecture, index=index, python=version)
    events = [
        json.loads(notification(s3_record("new/3.wav"))),
        eventbridge("new/a b+c.wav") | {"detail": {"bucket": {"name": "inbox"}, "object": {"key": "new/a b+c.wav"}}},
        sqs_event(in_sns(notification(s3_record("new/text.wav"))), "garbage"),
    ]
    told = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "SOUNDGATE_PLACES")
    environment = {name: os.environ[name] for name in told} | {
        "PYTHONPATH": str(folder),
        "SOUNDGATE_INDEX": str(folder / "index"),
        "NUMBA_CACHE_DIR": str(tmp_path / "kernels"),
    }
    python = Path(sys.base_prefix) / "bin" / f"python{version}"  # not the environment's, which has everything
    done = subprocess.run(
        [str(python), "-s", "-c", PROGRAM],
        input=json.dumps(events),
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    first, second, third = said["answer"]
    assert access.client("s3").head_object(Bucket="inbox", Key=f"new/3.wav{PITCH_SUFFIX}")["ContentLength"] > 100
    assert first["objects"][0]["decision"] == "accept"
    assert second["objects"][0]["upload_id"]
    assert third["batchItemFailures"] == [{"itemIdentifier": "m1"}]
    assert not said["spark"]
    assert all(place.startswith(str(folder)) for place in said["from"])
