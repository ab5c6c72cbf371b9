"""A table's columns in memory, for a notebook's own questions; narrow columns only, whole uploads are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from deltalake import QueryBuilder

from streaming.lake_reader import open_table

NARROW = (
    *("upload_id", "user_id", "track_name", "decision", "reasons", "content", "mock_score", "payloads"),
    *("identity", "reference_id", "title", "artist", "score", "query_offset_ms", "reference_offset_ms", "matched_ms"),
    *("coverage", "speed", "quality", "codec", "container", "sample_rate", "channels", "duration_ms", "bytes"),
    *("chunks_expected", "chunks_received", "first_arrival", "last_arrival", "decided_at", "latency_ms"),
    *("code_version", "index_sha256", "model_sha256"),
)


def read_columns(lake: str, name: str = "verdicts", columns: Sequence[str] = NARROW) -> pa.Table:
    """Read some columns of a table, the newest version of it, with delta-rs; raises `UserError` where there is none."""
    table = open_table(lake, name)
    wanted = ", ".join(f'"{column}"' for column in columns)
    reader = QueryBuilder().register("lake", table).execute(f"SELECT {wanted} FROM lake")  # noqa: S608 - ours
    batches = [pa.record_batch(batch) for batch in reader]
    schema = batches[0].schema if batches else pa.schema([])
    return pa.Table.from_batches(batches, schema)
