"""Making, watching, changing and deleting the streams of a set, by the Kinesis API."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from streaming.aws import error_code, explained, explained_service
from streaming.errors import UserError
from streaming.stream_set import Mode, StreamSet, StreamSettings

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_kinesis import KinesisClient

SET_TAG = "soundgate:set"
DEFAULT_RECORD_KIB = 1024
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 1.0
MISSING = "MISSING"
PRODUCERS_FOLLOW = timedelta(minutes=10)  # by then every producer has read the routing document again


@dataclass(frozen=True, slots=True)
class Described:
    """What a stream is like now; `status` is ``MISSING`` for one that is written down and not there."""

    name: str
    role: str  # baseline, extra or draining
    status: str
    mode: str = ""
    shards: int = 0
    retention_hours: int = 0
    record_kib: int = 0
    kms_key: str = ""


def create_stream(client: KinesisClient, name: str, set_name: str, settings: StreamSettings) -> None:
    """Make a stream as the settings say and wait until it can be written to; one that is there must be of this set."""
    asked: dict[str, Any] = {
        "StreamName": name,
        "StreamModeDetails": {"StreamMode": settings.mode.value},
        "Tags": {**settings.tags, SET_TAG: set_name},
    }
    if settings.mode is Mode.PROVISIONED:
        asked["ShardCount"] = settings.shards
    if settings.record_kib != DEFAULT_RECORD_KIB:
        asked["MaxRecordSizeInKiB"] = settings.record_kib
    with explained(name):
        try:
            client.create_stream(**asked)
        except ClientError as error:
            if error_code(error) != "ResourceInUseException":
                raise
            if _tags_of(client, name).get(SET_TAG) != set_name:
                raise UserError(f"there is a stream {name!r} already, and it is not of the set {set_name!r}") from error
        wait_until_active(client, name)
        _set_tags(client, name, asked["Tags"])
        _set_retention(client, name, settings.retention_hours)
        _set_encryption(client, name, settings.kms_key)
        wait_until_active(client, name)


def _tags_of(client: KinesisClient, name: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in client.list_tags_for_stream(StreamName=name)["Tags"]}


def _set_tags(client: KinesisClient, name: str, tags: dict[str, str]) -> None:
    """Add tags that are missing: those of a stream that was there, or that its maker did not take at once."""
    there = _tags_of(client, name)
    if missing := {key: value for key, value in tags.items() if there.get(key) != value}:
        client.add_tags_to_stream(StreamName=name, Tags=missing)


def _set_retention(client: KinesisClient, name: str, hours: int) -> None:
    now = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["RetentionPeriodHours"]
    if hours > now:
        client.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)
    elif hours < now:
        client.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)
    wait_until_active(client, name)


def _set_encryption(client: KinesisClient, name: str, kms_key: str) -> None:
    summary = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    if kms_key and summary.get("EncryptionType", "NONE") == "NONE":
        client.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=kms_key)


def wait_until_active(client: KinesisClient, name: str) -> None:
    """Wait until a stream is ACTIVE; raises UserError when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (
        status := client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"]
    ) != "ACTIVE":
        if time.monotonic() > deadline:
            raise UserError(f"stream {name!r} has been {status} for {PATIENCE_SECONDS:.0f} s: look at it in AWS")
        time.sleep(POLL_SECONDS)


def describe_stream(client: KinesisClient, streams: StreamSet, name: str) -> Described:
    """Describe one stream of a set."""
    role = "draining" if name in streams.draining else "extra" if name in streams.extras else "baseline"
    with explained(name):
        try:
            summary = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return Described(name, role, MISSING)
    return Described(
        name,
        role,
        summary["StreamStatus"],
        summary.get("StreamModeDetails", {}).get("StreamMode", ""),
        summary["OpenShardCount"],
        summary["RetentionPeriodHours"],
        summary.get("MaxRecordSizeInKiB", DEFAULT_RECORD_KIB),
        summary.get("KeyId", ""),
    )


def set_shards(client: KinesisClient, name: str, shards: int) -> None:
    """Give a provisioned stream another number of shards."""
    with explained(name):
        client.update_shard_count(StreamName=name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING")


def delete_streams(client: KinesisClient, names: Iterable[str]) -> list[str]:
    """Delete streams; gives those that are gone now, also where they were gone before."""
    deleted = []
    for name in names:
        with explained(name):
            try:
                client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
            except ClientError as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise
        deleted.append(name)
    return deleted


def drained(client: KinesisClient, streams: StreamSet, now: datetime) -> list[str]:
    """List draining streams in which nothing can be unread: gone, or their retention over since the last record."""
    found = []
    for name, since in streams.draining.items():
        stream = describe_stream(client, streams, name)
        last_record = datetime.fromisoformat(since) + PRODUCERS_FOLLOW
        if stream.status == MISSING or now - last_record > timedelta(hours=stream.retention_hours):
            found.append(name)
    return found


def find_zones(client: EC2Client) -> list[str]:
    """List the region's availability zones that are in use."""
    with explained_service("EC2"):
        answer = client.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])
    return sorted(
        zone["ZoneName"] for zone in answer["AvailabilityZones"] if zone.get("ZoneType") in (None, "availability-zone")
    )


def now_text() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
