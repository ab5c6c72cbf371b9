"""The classifier as an iterator pandas UDF: the only module of this package that knows Spark.

A worker opens the index and the decoder once and keeps them for as long as it lives. Rows hold a track's recipe, not
its bytes: those are fetched one track after the other, so a worker holds one track at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import StructType

from udfs.errors import NoTrackError
from udfs.row import Judge, Keep, judge_row, undecided
from udfs.track import Encoding, Track

Fetch = Callable[[str], bytes]

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
        _opened.clear()  # an index that another one replaces, and its decoder's process, are needed no more
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
    return judge_row(judge(), track, keep)
