"""The classifier as an iterator pandas UDF: the only module of this package that knows Spark.

A worker opens the index and the decoder once and keeps them for as long as it lives. Rows hold a track's recipe, not
its bytes: those are fetched one track after the other, so a worker holds one track at a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

import pandas as pd
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import StructType

from udfs.decode import Decoded
from udfs.errors import NoTrackError
from udfs.findings import Classification, Content, Decision, Identity, Reason
from udfs.judgement import describe
from udfs.track import Encoding, Track


class Judge(Protocol):
    """What a worker keeps open."""

    @property
    def index_sha256(self) -> str:
        """Names the index that it answers from."""

    def judge(self, track: Track) -> tuple[Classification, Decoded | None]:
        """Judge a track and give its samples; never raises for what is in it."""

    def take_print(self, classification: Classification, decoded: Decoded | None) -> dict[str, bytes] | None:
        """Take the fingerprint of a track that is to be identified elsewhere; None where it is not."""


Fetch = Callable[[str], bytes]
Keep = Callable[[Track, Decision, Decoded | None], str | None]

_opened: dict[str, Judge] = {}  # the worker's own, by what it was opened from


def make_classify_udf(open_judge: Callable[[], Judge], name: str, fetch: Fetch, keep: Keep, returns: StructType) -> Any:
    """Make the UDF: (recipe, encoding, sample_rate, channels, name) -> judgement.

    Parameters
    ----------
    open_judge
        Opens the index and the decoder; called once in each worker.
    name
        Names what `open_judge` opens: a worker opens the same thing once.
    fetch
        Gives a track's bytes from its recipe; raises `udfs.errors.NoTrackError` when they make none.
    keep
        Stores a judged track, of which it gets the decision and the samples, giving where.
    returns
        The struct to give back, with `describe`'s names.
    """

    @pandas_udf(returns)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def classify(batches: Iterator[tuple[pd.Series, ...]]) -> Iterator[pd.DataFrame]:
        judge = partial(_open_once, name, open_judge)
        for columns in batches:
            rows = (_classify_row(judge, fetch, keep, *cells) for cells in zip(*columns, strict=True))
            cells = [[row.get(name) for name in returns.names] for row in rows]  # None, where pandas would say NaN
            yield pd.DataFrame(cells, columns=returns.names, dtype=object)

    return classify


def _open_once(name: str, open_judge: Callable[[], Judge]) -> Judge:
    if name not in _opened:
        _opened[name] = open_judge()
    return _opened[name]


def _classify_row(
    judge: Callable[[], Judge],
    fetch: Fetch,
    keep: Keep,
    recipe: Any,
    encoding: Any,
    rate: Any,
    channels: Any,
    name: Any,
) -> dict[str, Any]:
    """Judge one row; rows without encoding are not tracks and give an empty judgement."""
    if encoding is None or recipe is None:
        return {}
    try:
        data = fetch(recipe)
    except NoTrackError as error:
        return undecided(error)
    samples = encoding == Encoding.F32LE
    track = Track(
        data, Encoding(encoding), int(rate) if samples else None, int(channels) if samples else None, name or ""
    )
    opened = judge()
    started = time.perf_counter_ns()
    try:
        classification, decoded = opened.judge(track)
    except Exception as error:  # a fault of ours: the upload goes to a person, its neighbours on their way
        classification, decoded = failed(error), None
    row = describe(track, classification)
    row["judge_ms"] = (time.perf_counter_ns() - started) // 1_000_000
    row["stored_at"] = keep(track, classification.decision, decoded)
    row["index_sha256"] = opened.index_sha256
    row["print"] = opened.take_print(classification, decoded)
    row["decided_us"] = time.time_ns() // 1000
    return row


def undecided(error: NoTrackError) -> dict[str, Any]:
    """Give the row of an upload whose bytes make no track."""
    return {
        "decision": error.decision,
        "reasons": [error.code],
        "evidence": json.dumps({"reasons": [{"code": error.code, "detail": str(error)}]}, ensure_ascii=False),
        "content": Content.UNDECIDED.value,
        "identity": Identity.NOT_TRIED.value,
        "decided_us": time.time_ns() // 1000,
    }


def failed(error: Exception) -> Classification:
    """Give the classification of a track that the classifier itself failed on."""
    reason = Reason("error.classifier", f"{type(error).__name__}: {error}"[:2000])
    return Classification(Decision.REVIEW, (reason,), Content.UNDECIDED, None, Identity.NOT_TRIED)
