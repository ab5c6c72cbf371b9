"""The columns of everything that crosses an edge: records in, tables out.

Column names and types are a contract with readers of the tables (see README.md); adding is allowed, renaming is not.
"""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

STRING, LONG, INT, DOUBLE, TIME = StringType(), LongType(), IntegerType(), DoubleType(), TimestampType()


def fields(*pairs: tuple[str, object]) -> StructType:
    """Build a nullable struct from (name, type) pairs."""
    return StructType([StructField(name, kind, True) for name, kind in pairs])  # type: ignore[arg-type]


# What the Kinesis connector gives, and the file source too: from here on they are the same DataFrame.
RECORD = fields(
    ("data", BinaryType()),
    ("streamName", STRING),
    ("partitionKey", STRING),
    ("sequenceNumber", STRING),
    ("approximateArrivalTimestamp", TIME),
)

MATCH_COLUMNS: tuple[tuple[str, object], ...] = (
    ("reference_id", STRING),
    ("title", STRING),
    ("artist", STRING),
    ("score", DOUBLE),
    ("query_offset_ms", LONG),
    ("reference_offset_ms", LONG),
    ("matched_ms", LONG),
    ("coverage", DOUBLE),
    ("speed", DOUBLE),
    ("pitch", DOUBLE),
)

PAYLOAD = fields(("kind", STRING), ("where", STRING), ("length", LONG), ("sha256", STRING))

# What judging one track gives (`udfs.findings.Classification`, flattened): the classifier's return type.
CLASSIFICATION_COLUMNS: tuple[tuple[str, object], ...] = (
    ("decision", STRING),
    ("reasons", ArrayType(STRING)),
    ("evidence", STRING),  # JSON: the details of the reasons and the measured numbers, for `soundgate explain`
    ("content", STRING),
    ("mock_score", DOUBLE),
    ("payloads", ArrayType(PAYLOAD)),
    ("identity", STRING),
    *MATCH_COLUMNS,
    ("candidates", ArrayType(fields(*MATCH_COLUMNS, ("accepted", BooleanType())))),
    ("quality", STRING),
    ("codec", STRING),
    ("container", STRING),
    ("sample_rate", INT),
    ("channels", INT),
    ("duration_ms", LONG),
    ("bytes", LONG),
    ("sha256", STRING),
    ("stored_at", STRING),
)
CLASSIFICATION = fields(*CLASSIFICATION_COLUMNS)

# A track's fingerprint, where it is identified against a catalogue after it was judged (`streaming.identification`).
PRINT = fields(*((name, BinaryType()) for name in ("signs", "strong", "active", "heard", "between")))

# What the classifier's UDF gives.
JUDGEMENT = fields(
    *CLASSIFICATION_COLUMNS, ("index_sha256", STRING), ("decided_us", LONG), ("judge_ms", LONG), ("print", PRINT)
)

MISSING_RANGE = fields(("first", LONG), ("last", LONG))

# A record after the intake (`streaming.arrival`): `content` is JSON, `head` the beginning of a record that is unusable.
ARRIVAL = fields(
    ("partition_key", STRING),
    ("upload_id", STRING),
    ("stream", STRING),
    ("sequence_number", STRING),
    ("arrived_us", LONG),
    ("content", STRING),
    ("head", BinaryType()),
)

# One row of the rebuild (`streaming.outcomes`): few columns, because each costs for each key; `facts` is FACTS as JSON.
OUTCOME = fields(("kind", STRING), ("partition_key", STRING), ("data", BinaryType()), ("facts", STRING))
FACTS = fields(
    ("upload_id", STRING),
    ("name", STRING),
    ("decision", STRING),
    ("reason", STRING),
    ("message", STRING),
    ("recipe", STRING),  # of a track: `streaming.assemble.Recipe`
    ("encoding", STRING),
    ("sample_rate", INT),
    ("channels", INT),
    ("opened_batch", LONG),  # the earlier batch that gave an `opened` row for this upload
    ("chunks_expected", LONG),
    ("chunks_received", LONG),
    ("chunks_duplicate", LONG),
    ("missing", ArrayType(MISSING_RANGE)),
    ("stream", STRING),
    ("first_sequence_number", STRING),
    ("last_sequence_number", STRING),
    ("first_arrival_us", LONG),
    ("last_arrival_us", LONG),
    ("data_truncated", BooleanType()),
    ("data_length", LONG),
    ("data_sha256", STRING),
    ("sequence_number", STRING),
    ("arrived_us", LONG),
    ("decided_us", LONG),
)

VERDICT = fields(
    ("upload_id", STRING),
    ("partition_key", STRING),
    ("user_id", STRING),
    ("track_name", STRING),
    *CLASSIFICATION_COLUMNS,
    ("chunks_expected", LONG),
    ("chunks_received", LONG),
    ("chunks_duplicate", LONG),
    ("missing", ArrayType(MISSING_RANGE)),
    ("stream", STRING),
    ("first_sequence_number", STRING),
    ("last_sequence_number", STRING),
    ("first_arrival", TIME),
    ("last_arrival", TIME),
    ("decided_at", TIME),
    ("latency_ms", LONG),  # last chunk's arrival to decided_at
    ("code_version", STRING),
    ("index_sha256", STRING),
    ("model_sha256", STRING),
    ("settings_sha256", STRING),
)

REJECTION = fields(
    ("reason", STRING),
    ("message", STRING),
    ("data", BinaryType()),  # the record's first bytes, capped
    ("data_truncated", BooleanType()),
    ("data_length", LONG),
    ("data_sha256", STRING),
    ("upload_id", STRING),  # null where the record does not say
    ("partition_key", STRING),
    ("stream", STRING),
    ("sequence_number", STRING),
    ("arrived_at", TIME),
    ("rejected_at", TIME),
    ("code_version", STRING),
)

# A batch's rows as they are staged: `verdict` or `rejection`, or neither for an upload that began.
ROW = fields(
    ("kind", STRING),
    ("opened_batch", LONG),
    ("judge_ms", LONG),  # what judging the track took, for the metrics
    ("verdict", VERDICT),
    ("rejection", REJECTION),
    ("print", PRINT),
)

# What is of a whole track, in the row of its first second.
TRACK_FEATURES = fields(
    ("seconds", INT),
    ("metadata", STRING),  # JSON: what the file says of itself (`udfs.features.metadata`)
    ("tempo_bpm", DOUBLE),
    ("beats", INT),
    ("onsets_a_second", DOUBLE),
    ("loudness_lufs", DOUBLE),  # integrated, ITU-R BS.1770
    ("loudness_range_lu", DOUBLE),
    ("pitch_median_hz", DOUBLE),
    ("voiced_share", DOUBLE),
    ("parameters", STRING),  # JSON: each feature that was asked for, with the parameters that it was extracted with
)

# A row a second of each accepted track; files are sorted by upload id and second. What was not asked for is null.
FEATURE = fields(
    ("upload_id", STRING),
    ("second", INT),
    ("mel", BinaryType()),  # uint8 (frames, 128), half a decibel a step: `udfs.features.mel.restore`
    ("chroma", ArrayType(DOUBLE)),  # twelve, C to B
    ("beats_ms", ArrayType(INT)),
    ("onsets_ms", ArrayType(INT)),
    ("loudness_lufs", DOUBLE),
    ("pitch_hz", ArrayType(DOUBLE)),  # fifty, null where there is no pitch
    ("voicing", ArrayType(DOUBLE)),  # how probably there is one
    ("track", TRACK_FEATURES),
    ("problem", STRING),  # why there are no features; the upload's only row then
    ("decided_at", TIME),  # the verdict's
    ("code_version", STRING),
)
