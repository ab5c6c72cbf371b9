"""Everything that can be set about the job: one frozen model, from flags, environment and a TOML file, in that order.

``SOUNDGATE_TIMEOUT_SECONDS=60`` in the environment, ``timeout_seconds = 60`` in the file and ``--timeout-seconds 60``
say the same.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from streaming.chunk import GIB, MIB
from streaming.errors import UserError
from streaming.places import names_bucket
from streaming.redaction import SECRET, redact

ENV_PREFIX = "SOUNDGATE_"
SOURCE_KINDS = ("files", "kinesis")
HOUR = 3600
UPLOAD_CEILING = 1 * GIB  # one track is one cell of an Arrow batch, whose offsets end at 2 GiB


def _one_or_several(value: object) -> object:
    """Take ``a`` for ``["a"]``, and text that is a JSON list, as an environment variable has it, for that list."""
    if isinstance(value, str):
        return json.loads(value) if value.startswith("[") else [value]
    return value


def _text_of_path(value: object) -> object:
    """Take a path for its text: a place is kept as text, for a path would make s3:/ of s3://."""
    return str(value) if isinstance(value, PurePath) else value


Several = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_one_or_several)]
PlaceName = Annotated[str, BeforeValidator(_text_of_path)]


class Settings(BaseSettings):
    """The job's settings. Names are those of the flags with underscores; defaults are safe."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    source: Several = Field(
        min_length=1, description="Where records come from: files:DIR or kinesis:STREAM; several are one."
    )
    lake: str = Field(description="Where the tables and accepted tracks go: a folder or s3://bucket/prefix.")
    checkpoint: str = Field(description="Where the job remembers how far it is: a folder or s3://bucket/prefix.")
    index: PlaceName = Field(description="The reference index, as the workers see it: a folder or delta:PLACE.")

    trigger_seconds: float = Field(5.0, ge=0, le=HOUR, description="Time from one batch's start to the next.")
    drain: bool = Field(False, description="Process what is there, then exit.")
    stop_file: Path | None = Field(None, description="When this file appears, finish the batch and exit.")
    timeout_seconds: float = Field(
        600.0, gt=0, le=7 * 24 * HOUR, description="An upload without a new chunk for so long is incomplete."
    )
    max_open_seconds: float = Field(
        1.0 * HOUR, gt=0, le=7 * 24 * HOUR, description="However busy, an upload is closed after so long."
    )
    marker_hours: float = Field(
        24.0, gt=0, le=400 * 24, description="How long finished uploads are remembered; >= the retention."
    )

    max_upload_bytes: int = Field(256 * MIB, gt=0, le=UPLOAD_CEILING, description="Largest upload, also inflated.")
    max_upload_chunks: int = Field(16_384, gt=0, le=100_000, description="Most chunks of an upload.")
    max_open_uploads: int = Field(100_000, gt=0, description="With more open uploads, each gets a tenth of its time.")
    max_state_bytes: int = Field(20 * GIB, gt=0, description="With more state, open uploads get a tenth of their time.")
    max_track_seconds: float = Field(4.0 * HOUR, gt=0, le=24 * HOUR, description="Longest sound that is decoded.")
    max_rejected_bytes: int = Field(65_536, ge=0, le=MIB, description="How much of a rejected record is kept.")

    store_accepted: bool = Field(True, description="Keep accepted tracks under LAKE/tracks by their SHA-256.")
    store_safe_copies: bool = Field(
        False, description="Keep safe copies of accepted tracks (sound encoded anew, known tags) instead of themselves."
    )
    quarantine: str | None = Field(None, description="Also keep all others, under this folder or s3:// prefix.")
    min_score: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="Least score that is a match.")

    max_batch_bytes: int = Field(256 * MIB, gt=0, description="About how many bytes of record files a batch takes.")
    partitions: int | None = Field(
        None,
        gt=0,
        description="State partitions, fixed by a checkpoint's first batch; else as Spark was submitted, or its cores.",
    )
    adopt_lake: bool = Field(False, description="Let a new checkpoint write to a lake that another one wrote to.")
    features: Several = Field(
        (), description="Features of accepted tracks that a process beside the job writes: mel, pitch …; all."
    )
    name: str = Field("soundgate", min_length=1, description="What the job is called in its metrics.")
    metrics: Several = Field(
        (), description="Where metrics go: prometheus:PORT, pushgateway:URL, emf:FILE, cloudwatch:GROUP, log:FILE."
    )
    publish: Several = Field((), description="Who is told of verdicts: sns:ARN, sqs:QUEUE, https://…")

    kinesis_reader: Literal["auto", "aws-kinesis", "soundgate-kinesis"] = Field(
        "auto", description="Who reads streams: EMR's connector, our own reader, or auto: the connector if it is there."
    )
    kinesis_jar: Path | None = Field(None, description="The connector's jar, where spark-submit does not bring it.")
    kinesis_region: str | None = Field(None, description="The streams' AWS region; else the configured one.")
    kinesis_endpoint_url: str | None = Field(None, description="Another Kinesis API than the region's.")
    kinesis_starting_position: str = Field(
        "TRIM_HORIZON", description="Where a new checkpoint begins: TRIM_HORIZON, LATEST or AT_TIMESTAMP <ISO 8601>."
    )
    kinesis_fail_on_data_loss: bool = Field(True, description="End when records are gone before they were read.")
    kinesis_shard_records: int = Field(1_000, gt=0, description="Connector: most records of a shard in a batch.")
    kinesis_shard_seconds: int = Field(10, ge=10, description="Connector: longest that a batch reads from a shard.")
    kinesis_queue_records: int = Field(64, gt=0, description="Connector: records of a shard held in memory.")
    kinesis_consumer: str | None = Field(None, description="Connector: read by enhanced fan-out, under this name.")
    kinesis_metadata: str = Field(
        "checkpoint", description="Connector: where it remembers: checkpoint, s3://…, hdfs://… or dynamodb:TABLE."
    )
    kinesis_role_arn: str | None = Field(None, description="Connector: read the streams in this role.")
    kinesis_options: dict[str, str] = Field(
        default_factory=dict, description="More options of whoever reads the streams; they go before all others."
    )

    @field_validator("source")
    @classmethod
    def check_source(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse a source that is neither files nor kinesis, and one that is named twice."""
        for source in value:
            kind, _, name = source.partition(":")
            if kind not in SOURCE_KINDS or not name:
                raise ValueError("it is files:DIR or kinesis:STREAM")
        if len(set(value)) < len(value):
            raise ValueError("a source is named twice")
        return value

    @field_validator("kinesis_options")
    @classmethod
    def refuse_keys(cls, value: dict[str, str]) -> dict[str, str]:
        """Refuse credentials: options are in plans, logs and Spark's UI."""
        if any(SECRET.search(name) for name in value):
            raise ValueError("keys are not taken as options: give the job a role, or say kinesis_role_arn")
        return value

    @field_validator("lake", "checkpoint", "quarantine")
    @classmethod
    def check_place(cls, value: str | None) -> str | None:
        """Refuse places that are neither a local folder nor on S3, and make a local one absolute."""
        if value is None:
            return None
        if value.startswith("s3://"):
            if not names_bucket(value):
                raise ValueError("it names no bucket; write s3://bucket/prefix")
            return value.rstrip("/")
        if "://" in value:
            raise ValueError("it is a folder or s3://bucket/prefix")
        if not value:
            raise ValueError("it is empty")
        return str(Path(value).absolute())

    @property
    def sha256(self) -> str:
        """Names the settings that a verdict can depend on."""
        said = self.model_dump(mode="json", include=set(JUDGING))
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


# What a verdict can depend on, beside code, index and model.
JUDGING = (
    "timeout_seconds",
    "max_open_seconds",
    "max_upload_bytes",
    "max_upload_chunks",
    "max_open_uploads",
    "max_state_bytes",
    "max_track_seconds",
    "min_score",
)

# Variables that say something else than a job's setting.
OTHER_VARIABLES = {ENV_PREFIX + name for name in ("FREESOUND_KEY", "JARS", "PLACES", "ROUTING", "WEBHOOK_SECRET")}


def load_settings(flags: dict[str, Any], config: Path | None = None) -> Settings:
    """Gather the settings: a flag beats the environment, which beats the file, which beats the default.

    Parameters
    ----------
    flags
        What was said on the command line, by setting; None = not said.
    config
        A TOML file, or None.

    Raises
    ------
    UserError
        When something needed is not said, or a value is not possible; the message names the flag.
    """
    refuse_misspelt(os.environ)
    said = {name: value for name, value in flags.items() if value is not None}
    told = {name: value for name, value in read_config(config).items() if not os.environ.get(variable(name))}
    try:
        return Settings(**{**told, **said})
    except SettingsError as error:  # says the field, not what it wants
        raise UserError(f"an environment variable is no JSON, which lists and tables have to be: {error}") from error
    except ValidationError as error:
        raise UserError("; ".join(_explain(detail) for detail in error.errors())) from error


@dataclass(frozen=True)
class Listed:
    """A setting for printing: its value (None = not said; secrets hidden) and where that came from."""

    name: str
    value: Any
    origin: str
    text: str


NEEDED = ("source", "lake", "checkpoint", "index")


def list_settings(config: Path | None = None) -> list[Listed]:
    """List what environment, file and defaults say; what only flags say for now is missing.

    Raises
    ------
    UserError
        When a value is not possible.
    """
    told = read_config(config)
    unsaid = [name for name in NEEDED if name not in told and not os.environ.get(variable(name))]
    values = load_settings({name: "files:." if name == "source" else "." for name in unsaid}, config).model_dump()
    listed = []
    for name, info in Settings.model_fields.items():
        said = (
            f"environment {variable(name)}" if os.environ.get(variable(name)) else f"{config}" if name in told else ""
        )
        value = None if name in unsaid else redact(name, values[name])
        listed.append(
            Listed(name, value, said or ("not said" if name in unsaid else "default"), info.description or "")
        )
    return listed


def read_config(config: Path | None) -> dict[str, Any]:
    """Read the TOML file, or nothing when there is none to read."""
    if config is None:
        return {}
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, not TOML
        raise UserError(f"--config {config}: {error}") from error


def variable(name: str) -> str:
    """Give the environment variable of a setting."""
    return ENV_PREFIX + name.upper()


def flag(name: str) -> str:
    """Give the command line's flag of a setting."""
    return "--" + name.replace("_", "-")


def refuse_misspelt(environment: Iterable[str]) -> None:
    """Refuse a variable of ours that sets nothing: a misspelt one would else leave the default, silently.

    Raises
    ------
    UserError
        When there is one; the message names the likely one.
    """
    known = {variable(name) for name in Settings.model_fields} | OTHER_VARIABLES
    for name in sorted(environment):
        if name.startswith(ENV_PREFIX) and name not in known:
            raise UserError(f"there is no setting {name}" + _likely(name, known, ""))


def _likely(name: str, known: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f": did you mean {near[0]}?" if near else otherwise


def _explain(detail: Any) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else "settings"
    if detail["type"] == "missing":
        return f"{flag(name)} is needed (or {variable(name)}, or {name} in the --config file)"
    if detail["type"] == "extra_forbidden":
        return f"there is no setting {name!r}" + _likely(name, Settings.model_fields, ": see soundgate settings")
    message = detail["msg"].removeprefix("Value error, ")  # by its name: not every setting is a flag
    return f"{name} {redact(name, detail['input'])!r}: {message}"
