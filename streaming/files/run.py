"""A run over stored files: list what is there, leave out what has its verdict, judge the rest slice by slice."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from pyspark.sql import SparkSession

from streaming.files.access import Access
from streaming.files.bar import Bar
from streaming.files.judging import FilesJob
from streaming.files.known import find_new, known_ids, measure
from streaming.files.slices import cut
from streaming.files.tally import Tally

SLICE_FILES = 2_000
FILES_A_SLICE_AND_CORE = 2  # of the largest that there may be: so one of them is never most of a slice


def judge_places(
    spark: SparkSession,
    job: FilesJob,
    lake: str,
    places: Sequence[str],
    access: Access,
    asked: threading.Event,
    max_file_bytes: int,
    beside: bool,
) -> Tally:
    """Judge all files under some places that have no verdict yet; a run that was stopped goes on where it was.

    Parameters
    ----------
    spark, job
        The session, and what judges.
    lake
        Where the verdicts are.
    places
        As `streaming.files.listing.check_place` gives them.
    access
        The way to S3.
    asked
        Set by others: end after the slice that is being judged.
    max_file_bytes
        The largest file that is read.
    beside
        Whether reports lie beside files, so that what is named like one is passed over.
    """
    slice_bytes = FILES_A_SLICE_AND_CORE * job.cores * max_file_bytes
    known = {place: known_ids(lake, place) for place in places}
    number, size = measure(known, access, beside)
    with Bar(number, size) as bar:
        for place in places:
            new = find_new(place, access, known[place], beside, job.tally)
            for files in cut(new, slice_bytes, SLICE_FILES):
                if asked.is_set():
                    job.tally.stopped = True
                    return job.tally
                with bar.slice(spark, files):
                    job.judge(files)
    return job.tally
