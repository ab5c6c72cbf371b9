"""A run over stored files: list what is there, leave out what has its verdict, judge the rest slice by slice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import SparkSession

from streaming.files.access import Access
from streaming.files.bar import Bar
from streaming.files.judging import FilesJob, to_key
from streaming.files.listing import list_files
from streaming.files.slices import cut
from streaming.files.stored_file import StoredFile, is_own
from streaming.files.tally import Tally

SLICE_FILES = 2_000
FILES_A_SLICE_AND_CORE = 2  # of the largest that there may be: so one of them is never most of a slice


def judge_places(
    spark: SparkSession,
    job: FilesJob,
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
    known = {place: job.known(place) for place in places}
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


def measure(known: Mapping[str, set[bytes]], access: Access, beside: bool) -> tuple[int, int]:
    """Count the files to be judged, and their bytes, by a listing of its own: one may be too long to be kept."""
    number = size = 0
    for place, ids in known.items():
        for file in find_new(place, access, ids, beside, Tally()):
            number, size = number + 1, size + file.size
    return number, size


def find_new(place: str, access: Access, known: set[bytes], beside: bool, tally: Tally) -> Iterator[StoredFile]:
    """List a place's files that have no verdict, and count all of them."""
    for file in list_files(place, access):
        if beside and is_own(file.name):
            tally.own += 1
            continue
        tally.found += 1
        tally.found_bytes += file.size
        if to_key(file.upload_id) in known:
            tally.known += 1
        else:
            yield file
