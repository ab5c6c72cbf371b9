"""Records -> arrivals: parse each, put its bytes into the spool, and hand on what it says and where it lies.

This is the one stage that sees every byte. It knows nothing of other records, so it runs wherever Spark reads them;
what comes out is some hundred bytes a record, whatever the record's size. Arrow in, Arrow out; no Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from streaming.arrival import SpooledChunk, Unusable, write_content
from streaming.chunk import WireLimits
from streaming.rejections import Rejection
from streaming.spool import Piece, Spool, name_file
from streaming.wire import parse

PASSED_ON = ("partition_key", "upload_id", "stream", "sequence_number", "arrived_us")


@dataclass(frozen=True)
class Intake:
    """Takes record batches in; small, and pickled to the workers.

    Parameters
    ----------
    spool
        Where the bytes go.
    batch
        Says which of the job's batches this is.
    wire
        What a record may claim.
    rejected_bytes
        How much of a rejected record is kept.
    """

    spool: Spool
    batch: Callable[[], int]
    wire: WireLimits
    rejected_bytes: int

    def __call__(self, record_batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Turn records (`streaming.sources.group_records`) into arrivals (`streaming.schemas.ARRIVAL`)."""
        for records in record_batches:
            if records.num_rows:
                yield self._take(records)

    def _take(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Parse the records of one Arrow batch and spool their bytes as one file, just as they lie in memory."""
        block, bounds = _bytes_of(records.column("data"))
        file = name_file(self.batch())
        parts = [block]
        size = len(block)
        contents: list[str] = []
        heads: list[bytes | None] = []
        for key, start, end in zip(records.column("partition_key").to_pylist(), bounds[:-1], bounds[1:], strict=True):
            data = block[start:end]
            chunk = parse(data, key, self.wire)
            if isinstance(chunk, Rejection):
                contents.append(write_content(Unusable.of(chunk, data)))
                heads.append(bytes(data[: self.rejected_bytes]))
                continue
            at = chunk.payload_at
            if at is None:  # as in every legacy record; it follows the records
                at = size - start
                parts.append(memoryview(chunk.payload))
                size += len(chunk.payload)
            payload = Piece(file, start + at, len(chunk.payload))
            contents.append(write_content(SpooledChunk.of(chunk, payload, Piece(file, start, end - start))))
            heads.append(None)
        self.spool.write(file, parts)
        said = [pa.array(contents, pa.string()), pa.array(heads, pa.binary())]
        passed_on = [records.column(name) for name in PASSED_ON]
        return pa.RecordBatch.from_arrays([*passed_on, *said], [*PASSED_ON, "content", "head"])


def _bytes_of(column: pa.Array) -> tuple[memoryview, list[int]]:
    """Give a binary column's bytes as they lie in its buffer, and where each cell begins and the last one ends."""
    _, offsets, values = column.buffers()
    width = np.int64 if pa.types.is_large_binary(column.type) else np.int32
    bounds = np.frombuffer(offsets, width)[column.offset : column.offset + len(column) + 1]
    first, last = int(bounds[0]), int(bounds[-1])
    # Arrow's own view of its buffer is one of signed bytes, which equal no bytes above 127.
    block = memoryview(values).cast("B")[first:last] if values is not None else memoryview(b"")
    return block, (bounds - first).tolist()
