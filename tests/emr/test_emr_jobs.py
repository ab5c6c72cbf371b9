"""Submitting, asking, stopping and upgrading, against moto's EMR, EMR Serverless and S3."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from typer.testing import CliRunner, Result

from emr import cluster, serverless
from emr.job import DELTA_JARS, Job, command_line, option_of
from emr.lifecycle import Clock, check_upgrade, run_options_of, stop
from emr.manifest import DATA, ENTRY, ENVIRONMENT, NAME, Manifest, measure
from emr.run_state import Handle, RunState, parse_handle
from emr.state_schema import describe_state
from emr.store import fetch_manifest, upload_bundle
from emr.submitted import open_job
from streaming.cli import app
from streaming.errors import UserError
from streaming.kinesis_options import JAR_ON_EMR
from streaming.places import Folder

REGION = "eu-central-1"
ROLE = "arn:aws:iam::123456789012:role/job"
RUN = ("--source", "kinesis:uploads", "--lake", "s3://lake/lake", "--checkpoint", "s3://lake/checkpoints/gate")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "RUNNING")  # else a job run has ended as it begins
    with mock_aws():
        for bucket in ("artifacts", "lake", "gate-logs"):
            boto3.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", describe_state())


@pytest.fixture
def bundle(aws: None, folder: Path) -> str:
    return upload_bundle(boto3.client("s3"), folder, "s3://artifacts/bundles")


@pytest.fixture
def cluster_id(aws: None) -> str:
    return boto3.client("emr").run_job_flow(
        Name="gate",
        LogUri="s3://gate-logs/cluster/",
        Instances={"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True, "MasterInstanceType": "m8g.xlarge"},
    )["JobFlowId"]


@pytest.fixture
def application_id(aws: None) -> str:
    # moto knows release labels of the older pattern only.
    return boto3.client("emr-serverless").create_application(type="SPARK", releaseLabel="emr-7.1.0")["applicationId"]


def write_bundle(folder: Path, state: dict[str, str]) -> Path:
    folder.mkdir()
    for name in (ENVIRONMENT, DATA, ENTRY):
        (folder / name).write_bytes(name.encode())
    manifest = Manifest(
        version="0.1.0",
        architecture="aarch64",
        python="3.11",
        lock_sha256="0" * 64,
        state_schema=state,
        parts={name: measure(folder / name) for name in (ENVIRONMENT, DATA, ENTRY)},
        data={"settings.toml": "0" * 64, "index/manifest.json": "0" * 64},
    )
    (folder / NAME).write_text(manifest.to_json(), encoding="utf-8")
    return folder


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["emr", *arguments])


def steps_of(cluster_id: str) -> list[dict[str, Any]]:
    return boto3.client("emr").list_steps(ClusterId=cluster_id)["Steps"]  # type: ignore[return-value]


# ------------------------------------------------------------------------------------------------------------ submit


def test_a_cluster_gets_a_spark_submit_step_with_the_runtime_role(cluster_id: str, bundle: str) -> None:
    result = call(
        "submit", "--cluster", cluster_id, "--role", ROLE, "--bundle", bundle, "--dry-run", "--", *RUN
    )  # fmt: skip
    request = json.loads(result.stdout)
    arguments = request["Steps"][0]["HadoopJarStep"]["Args"]
    assert request["JobFlowId"] == cluster_id
    assert request["ExecutionRoleArn"] == ROLE
    assert request["Steps"][0]["ActionOnFailure"] == "CONTINUE"
    assert request["Steps"][0]["HadoopJarStep"]["Jar"] == "command-runner.jar"
    assert arguments[:5] == ["spark-submit", "--master", "yarn", "--deploy-mode", "cluster"]
    assert option_of(arguments, "--archives") == f"{bundle}/environment.tar.gz#environment,{bundle}/data.tar.gz#data"
    assert option_of(arguments, "--jars") == ",".join((*DELTA_JARS, JAR_ON_EMR))
    assert "spark.yarn.appMasterEnv.PYSPARK_PYTHON=./environment/bin/python" in arguments
    assert "spark.speculation=false" in arguments
    script = arguments.index(f"{bundle}/entry.py")
    assert arguments[script + 1 :] == [
        "run", *RUN, "--config", "./data/settings.toml", "--index", "./data/index"
    ]  # fmt: skip
    assert steps_of(cluster_id) == []  # dry: nothing was sent


def test_stored_files_are_judged_by_the_same_bundle_and_need_no_checkpoint(cluster_id: str, bundle: str) -> None:
    files = ["files", "s3://inbox/uploads", "--sqs", "arrivals", "--drain", "--lake", "s3://gate/lake"]
    submit = ["submit", "--cluster", cluster_id, "--role", ROLE, "--bundle", bundle, "--dry-run", "--"]
    arguments = json.loads(call(*submit, *files).stdout)["Steps"][0]["HadoopJarStep"]["Args"]
    script = arguments.index(f"{bundle}/entry.py")
    assert arguments[script + 1 :] == [*files, "--config", "./data/settings.toml", "--index", "./data/index"]


def test_serverless_gets_a_streaming_job_with_a_retry_policy(application_id: str, bundle: str) -> None:
    result = call(
        *("submit", "--application", application_id, "--role", ROLE, "--bundle", bundle, "--attempts", "3"),
        *("--log-uri", "s3://gate-logs/job/", "--log-group", "/soundgate/gate", "--conf", "spark.executor.memory=9g"),
        *("--dry-run", "--", *RUN),
    )
    request = json.loads(result.stdout)
    driver = request["jobDriver"]["sparkSubmit"]
    assert request["mode"] == "STREAMING"
    assert request["retryPolicy"] == {"maxFailedAttemptsPerHour": 3}
    assert request["executionTimeoutMinutes"] == 0
    assert driver["entryPoint"] == f"{bundle}/entry.py"
    assert driver["entryPointArguments"][:7] == ["run", *RUN]
    assert "--conf spark.executor.memory=9g" in driver["sparkSubmitParameters"]
    assert "spark.emr-serverless.driverEnv.PYSPARK_PYTHON=./environment/bin/python" in driver["sparkSubmitParameters"]
    assert "yarn" not in driver["sparkSubmitParameters"]
    monitoring = request["configurationOverrides"]["monitoringConfiguration"]
    assert monitoring["s3MonitoringConfiguration"]["logUri"] == "s3://gate-logs/job/"
    assert monitoring["cloudWatchLoggingConfiguration"] == {"enabled": True, "logGroupName": "/soundgate/gate"}


def test_botocore_accepts_both_requests_as_they_are_printed(aws: None, folder: Path) -> None:
    # The stubber checks a request against the service's own model: names, types and required members.
    job = Job("gate", "s3://artifacts/bundles/x", fetch_from(folder), RUN, REGION)
    for service, method, build, answer in (
        ("emr", "add_job_flow_steps", cluster.build_request(job, "j-1", ROLE), {"StepIds": ["s-1"]}),
        (
            "emr-serverless",
            "start_job_run",
            serverless.build_request(job, "00abcd", ROLE, "s3://gate-logs/", "group"),
            {
                "applicationId": "00abcd",
                "jobRunId": "00run1",
                "arn": f"arn:aws:emr-serverless:{REGION}:123456789012:/applications/00abcd/jobruns/00run1",
            },
        ),
    ):
        client = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
        with Stubber(client) as stub:
            stub.add_response(method, answer, build)
            handle = (cluster if service == "emr" else serverless).submit(client, build)
            stub.assert_no_pending_responses()
        assert str(handle) in ("j-1/s-1", "00abcd/00run1")


def fetch_from(folder: Path) -> Manifest:
    from emr.manifest import verify_parts

    return verify_parts(folder)


def test_what_is_submitted_is_what_dry_run_printed(cluster_id: str, bundle: str) -> None:
    line = ("submit", "--cluster", cluster_id, "--bundle", bundle)
    printed = json.loads(call(*line, "--dry-run", "--", *RUN).stdout)
    handle = call(*line, "--", *RUN).stdout.strip()
    (step,) = steps_of(cluster_id)
    assert handle == f"{cluster_id}/{step['Id']}"
    assert step["Config"]["Args"] == printed["Steps"][0]["HadoopJarStep"]["Args"]


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_job_is_told_the_region_that_every_client_goes_by(
    cluster_id: str, bundle: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv(variable, REGION)
    for where, driver in (
        (("--cluster", cluster_id), "spark.yarn.appMasterEnv"),
        (("--application", "00abcd", "--role", ROLE), "spark.emr-serverless.driverEnv"),
    ):
        printed = call("submit", *where, "--bundle", bundle, "--dry-run", "--", *RUN).stdout
        for place in (driver, "spark.executorEnv"):
            assert f"{place}.AWS_REGION={REGION}" in printed
            assert f"{place}.AWS_DEFAULT_REGION={REGION}" in printed  # boto3 itself goes by this one alone
    monkeypatch.delenv(variable)
    for command in (("submit", "--cluster", cluster_id, "--bundle", bundle, "--", *RUN), ("status", "j-1/s-1")):
        error = call(*command).exception
        assert isinstance(error, UserError)
        assert "pass --region, or set AWS_REGION" in str(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cluster", "j-1", "--application", "00abcd"), "one of the two"),
        ((), "one of the two"),
        (("--application", "00abcd"), "--role"),
        (("--cluster", "j-1", "--conf", "memory=1"), "KEY=VALUE"),
    ],
)
def test_a_request_that_cannot_be_is_refused(bundle: str, arguments: tuple[str, ...], message: str) -> None:
    error = call("submit", *arguments, "--bundle", bundle, "--", *RUN).exception
    assert isinstance(error, UserError)
    assert message in str(error)


@pytest.mark.parametrize("options", [[], ["--checkpoint", "/tmp/x"], ["--lake", "s3://lake/lake"]])
def test_a_job_without_a_checkpoint_on_s3_is_refused(bundle: str, options: list[str]) -> None:
    error = call("submit", "--cluster", "j-1", "--bundle", bundle, "--", *options).exception
    assert isinstance(error, UserError)
    assert "--checkpoint s3://" in str(error)


def test_an_application_that_is_not_there_is_said(bundle: str) -> None:
    error = call("submit", "--application", "00nowhere", "--role", ROLE, "--bundle", bundle, "--", *RUN).exception
    assert isinstance(error, UserError)
    assert "could not submit the job" in str(error)


def test_a_broadcast_is_listened_to_by_the_same_bundle(folder: Path) -> None:
    listen = ("listen", *RUN)
    job = Job("radio", "s3://a/b", fetch_from(folder), listen, REGION)
    assert command_line(job) == [*listen, "--config", "./data/settings.toml", "--index", "./data/index"]


@pytest.mark.parametrize("options", [("listen", *RUN), ("features", "run", "--lake", "s3://gate/lake"), RUN])
def test_an_upgrade_goes_on_with_the_command_that_ran(folder: Path, options: tuple[str, ...]) -> None:
    line = tuple(command_line(Job("job", "s3://a/b", fetch_from(folder), tuple(options), REGION)))
    state = RunState(Handle("j-A", "s-B"), "job", "RUNNING", "", None, False, False, "s3://a/b", line)
    again = Job("job", "s3://a/b", fetch_from(folder), tuple(run_options_of(state)), REGION)
    assert tuple(command_line(again)) == line


def test_settings_and_index_of_the_user_go_before_those_of_the_bundle(folder: Path) -> None:
    job = Job("gate", "s3://a/b", fetch_from(folder), (*RUN, "--index=s3://x", "--config", "mine.toml"), REGION)
    assert command_line(job) == ["run", *RUN, "--index=s3://x", "--config", "mine.toml"]


# ------------------------------------------------------------------------------------------------------------ bundle


def test_a_bundle_lies_under_its_own_name_and_its_manifest_comes_back(bundle: str, folder: Path) -> None:
    manifest = fetch_manifest(boto3.client("s3"), bundle)
    assert bundle == f"s3://artifacts/bundles/{manifest.identity}"
    assert manifest == fetch_from(folder)


def test_a_bundle_that_was_cut_off_while_uploading_is_refused(bundle: str) -> None:
    key = bundle.removeprefix("s3://artifacts/")
    boto3.client("s3").put_object(Bucket="artifacts", Key=f"{key}/environment.tar.gz", Body=b"short")
    with pytest.raises(UserError, match="upload it again"):
        fetch_manifest(boto3.client("s3"), bundle)


def test_a_folder_without_bundle_says_how_to_make_one(aws: None) -> None:
    with pytest.raises(UserError, match="emr bundle --upload"):
        fetch_manifest(boto3.client("s3"), "s3://artifacts/bundles/none")


def test_a_changed_part_is_not_uploaded(aws: None, folder: Path) -> None:
    (folder / ENTRY).write_bytes(b"x" * 8)
    with pytest.raises(UserError, match="SHA-256"):
        upload_bundle(boto3.client("s3"), folder, "s3://artifacts/bundles")
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="artifacts")


# ------------------------------------------------------------------------------------------------------------ status


def test_status_tells_the_state_of_either_platform(cluster_id: str, application_id: str, bundle: str) -> None:
    on_cluster = call("submit", "--cluster", cluster_id, "--bundle", bundle, "--", *RUN).stdout.strip()
    on_serverless = call(
        "submit", "--application", application_id, "--role", ROLE, "--bundle", bundle, "--", *RUN
    ).stdout.strip()
    for handle in (on_cluster, on_serverless):
        result = call("status", handle, "--json")
        answer = json.loads(result.stdout)
        assert result.exit_code == 0
        assert answer["state"] == "RUNNING"
        assert answer["ended"] is False
        assert answer["bundle"] == bundle
        assert answer["arguments"][:7] == ["run", *RUN]


def test_a_failed_job_gives_exit_code_1_and_its_reason(aws: None) -> None:
    client = boto3.client("emr", region_name=REGION)
    answer = {
        "Step": {
            "Name": "gate",
            "Status": {"State": "FAILED", "FailureDetails": {"Reason": "Unknown Error.", "Message": "exit 1"}},
        }
    }
    with Stubber(client) as stub:
        stub.add_response("describe_step", answer, {"ClusterId": "j-1", "StepId": "s-1"})
        state = cluster.describe(client, Handle("j-1", "s-1"))
    assert state.failed
    assert state.ended
    assert state.detail == "Unknown Error."


@pytest.mark.parametrize("text", ["", "j-1", "s-1/j-1", "j-1/s-1/x", "00ABCD/00abcd", "../etc", "j-1/s-1\n"])
def test_what_names_no_job_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="names no job"):
        parse_handle(text)


# -------------------------------------------------------------------------------------------------------------- logs


def test_logs_of_a_step_lead_to_its_driver(cluster_id: str, bundle: str) -> None:
    handle = call("submit", "--cluster", cluster_id, "--bundle", bundle, "--", *RUN).stdout.strip()
    put_log(f"cluster/{handle.replace('/', '/steps/')}/stderr.gz", b"Submitted application_1700000000000_0001\n")
    containers = f"cluster/{cluster_id}/containers/application_1700000000000_0001"
    put_log(f"{containers}/container_1700000000000_0001_01_000001/stderr.gz", b"first\nlast \x1b[31mline\n")
    put_log(f"{containers}/container_1700000000000_0001_01_000002/stderr.gz", b"an executor\n")
    put_log(f"cluster/{cluster_id}/containers/application_1700000000000_0002/container_x_01_000001/stderr.gz", b"no\n")
    printed = call("logs", handle, "-n", "1").stdout
    assert "last \\x1b[31mline" in printed
    for other in ("first", "an executor", "no\n"):
        assert other not in printed
    listed = call("logs", handle, "--list").stdout.splitlines()
    assert len(listed) == 3


def test_logs_of_a_serverless_job_are_its_drivers(application_id: str, bundle: str) -> None:
    handle = call(
        *("submit", "--application", application_id, "--role", ROLE, "--bundle", bundle),
        *("--log-uri", "s3://gate-logs/job/", "--", *RUN),
    ).stdout.strip()
    run = f"job/applications/{handle.replace('/', '/jobs/')}"
    put_log(f"{run}/SPARK_DRIVER/stdout.gz", b"hello\n")
    put_log(f"{run}/SPARK_EXECUTOR/1/stdout.gz", b"an executor\n")
    printed = call("logs", handle).stdout
    assert "hello" in printed
    assert "an executor" not in printed


def test_a_job_without_logs_says_that_they_come_late(application_id: str, bundle: str) -> None:
    handle = call(
        "submit", "--application", application_id, "--role", ROLE, "--bundle", bundle, "--", *RUN
    ).stdout.strip()
    error = call("logs", handle).exception
    assert isinstance(error, UserError)
    assert "some minutes late" in str(error)


def put_log(key: str, text: bytes) -> None:
    boto3.client("s3").put_object(Bucket="gate-logs", Key=key, Body=gzip.compress(text))


# -------------------------------------------------------------------------------------------------------------- stop


class ScriptedJob:
    """A job that notices the stop file, or does not, after so many looks."""

    def __init__(self, place: Folder, notices_after: int | None, ends_when_cancelled: bool = True) -> None:
        self.place, self.notices_after, self.ends_when_cancelled = place, notices_after, ends_when_cancelled
        self.looks = 0
        self.cancelled: list[int] = []

    def describe(self) -> RunState:
        self.looks += self.place.exists("stop/requested")
        noticed = self.notices_after is not None and self.looks > self.notices_after
        ended = noticed or (bool(self.cancelled) and self.ends_when_cancelled)
        state = "COMPLETED" if noticed else "CANCELLED" if ended else "RUNNING"
        return RunState(Handle("j-1", "s-1"), "gate", state, "", None, ended, False, "s3://b", ("run", *RUN))

    def cancel(self, grace_seconds: int) -> None:
        self.cancelled.append(grace_seconds)


def stop_scripted(job: ScriptedJob) -> tuple[RunState, float]:
    time = [0.0]
    clock = Clock(now=lambda: time[0], sleep=lambda seconds: time.__setitem__(0, time[0] + seconds))
    return stop(job, 600, 120, lambda _: None, clock, job.place), time[0]


def test_a_job_that_notices_the_stop_file_is_not_cancelled(tmp_path: Path) -> None:
    job = ScriptedJob(Folder(tmp_path), notices_after=3)
    state, seconds = stop_scripted(job)
    assert state.state == "COMPLETED"
    assert job.cancelled == []
    assert seconds < 60
    assert not job.place.exists("stop/requested")  # the next job on this checkpoint may start


def test_a_job_that_does_not_notice_is_cancelled_after_the_wait(tmp_path: Path) -> None:
    job = ScriptedJob(Folder(tmp_path), notices_after=None)
    state, seconds = stop_scripted(job)
    assert state.state == "CANCELLED"
    assert job.cancelled == [120]
    assert 600 <= seconds < 700
    assert not job.place.exists("stop/requested")


def test_a_job_that_will_not_end_is_said_and_the_stop_file_taken_away(tmp_path: Path) -> None:
    job = ScriptedJob(Folder(tmp_path), notices_after=None, ends_when_cancelled=False)
    with pytest.raises(UserError, match="still RUNNING"):
        stop_scripted(job)
    assert not job.place.exists("stop/requested")


def test_stop_puts_the_file_on_s3_and_cancels_a_serverless_job(application_id: str, bundle: str) -> None:
    handle = call(
        "submit", "--application", application_id, "--role", ROLE, "--bundle", bundle, "--", *RUN
    ).stdout.strip()
    result = call("stop", handle, "--wait", "0", "--grace", "30")
    assert result.exit_code == 0, result.output
    assert json.loads(call("status", handle, "--json").stdout)["state"] == "CANCELLED"
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="lake")


def test_cancelling_a_step_and_a_job_run_ask_for_what_the_services_know(aws: None) -> None:
    step = boto3.client("emr")
    with Stubber(step) as stub:
        stub.add_response(
            "cancel_steps",
            {"CancelStepsInfoList": []},
            {"ClusterId": "j-1", "StepIds": ["s-1"], "StepCancellationOption": "SEND_INTERRUPT"},
        )
        cluster.cancel(step, Handle("j-1", "s-1"), 120)
        stub.assert_no_pending_responses()
    run = boto3.client("emr-serverless")
    with Stubber(run) as stub:
        stub.add_response(
            "cancel_job_run",
            {"applicationId": "00abcd", "jobRunId": "00run1"},
            {"applicationId": "00abcd", "jobRunId": "00run1", "shutdownGracePeriodInSeconds": 120},
        )
        serverless.cancel(run, Handle("00abcd", "00run1"), 120)
        stub.assert_no_pending_responses()


# ----------------------------------------------------------------------------------------------------------- upgrade


def test_an_upgrade_stops_the_job_and_starts_the_new_bundle_on_its_checkpoint(
    application_id: str, bundle: str, tmp_path: Path
) -> None:
    new = write_bundle(tmp_path / "new", describe_state())
    (new / ENTRY).write_bytes(b"newer")
    manifest = fetch_from_parts(new)
    (new / NAME).write_text(manifest.to_json(), encoding="utf-8")
    newer = upload_bundle(boto3.client("s3"), new, "s3://artifacts/bundles")
    old = call("submit", "--application", application_id, "--role", ROLE, "--bundle", bundle, "--", *RUN).stdout.strip()
    result = call("upgrade", old, "--role", ROLE, "--bundle", newer, "--wait", "0")
    assert result.exit_code == 0, result.output
    state = open_job(parse_handle(result.stdout.strip())).describe()
    assert state.bundle == newer != bundle
    assert state.arguments == ("run", *RUN, "--config", "./data/settings.toml", "--index", "./data/index")
    assert open_job(parse_handle(old)).describe().state == "CANCELLED"


def fetch_from_parts(folder: Path) -> Manifest:
    old = json.loads((folder / NAME).read_text(encoding="utf-8"))
    del old["format"]
    return Manifest(**{**old, "parts": {name: measure(folder / name) for name in old["parts"]}})


def test_an_upgrade_with_other_state_is_refused_and_the_job_runs_on(
    application_id: str, bundle: str, tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path / "new", {**describe_state(), "chunks": "list(struct<text:string>)"})
    newer = upload_bundle(boto3.client("s3"), folder, "s3://artifacts/bundles")
    old = call("submit", "--application", application_id, "--role", ROLE, "--bundle", bundle, "--", *RUN).stdout.strip()
    error = call("upgrade", old, "--role", ROLE, "--bundle", newer).exception
    assert isinstance(error, UserError)
    assert "chunks: map(" in str(error)
    assert error.exit_code == 1
    assert open_job(parse_handle(old)).describe().state == "RUNNING"


def test_an_upgrade_to_another_checkpoint_is_refused(application_id: str, bundle: str) -> None:
    old = call("submit", "--application", application_id, "--role", ROLE, "--bundle", bundle, "--", *RUN).stdout.strip()
    other = [*RUN[:-1], "s3://lake/checkpoints/other"]
    error = call("upgrade", old, "--role", ROLE, "--bundle", bundle, "--", *other).exception
    assert isinstance(error, UserError)
    assert "goes on with the checkpoint" in str(error)


def test_the_described_state_is_what_the_processor_asks_spark_for() -> None:
    state = describe_state()
    assert state["upload"] == "value(struct<text:string>)"
    assert state["finished"] == "value(struct<text:string>) with ttl"
    assert state["chunks"] == "map(struct<index:int>, struct<text:string>)"
    check_upgrade(state, dict(state), "j-1/s-1")


def test_the_options_that_a_bundle_added_are_not_taken_over() -> None:
    arguments = ("run", *RUN, "--index", "./data/index", "--config", "mine.toml")
    state = RunState(Handle("j-1", "s-1"), "gate", "RUNNING", "", None, False, False, "s3://b", arguments)
    assert run_options_of(state) == [*RUN, "--config", "mine.toml"]
