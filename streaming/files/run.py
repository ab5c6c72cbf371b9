"""A run over stored files: list what is there, leave out what has its verdict, judge the rest slice by slice."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from pyspark.sql import SparkSession

from streaming.files.bar import Bar
from streaming.files.judging import FilesJob
from streaming.files.known import Scope
from streaming.files.slices import cut
from streaming.files.stored_file import StoredFile
from streaming.files.tally import Tally

SLICE_FILES = 2_000
FILES_A_SLICE_AND_CORE = 2  # of the largest that there may be: so one of them is never most of a slice


def judge_places(spark: SparkSession, job: FilesJob, scope: Scope, asked: threading.Event) -> Tally:
    """Judge all files under some places that have no verdict yet; a run that was stopped goes on where it was.

    Parameters
    ----------
    spark, job
        The session, and what judges.
    scope
        What is judged.
    asked
        Set by others: end after the slice that is being judged.
    """
    known = {place: scope.known_ids(place) for place in scope.places}
    with Bar(*scope.measure(known)) as bar:
        for place in scope.places:
            for files in cut_slices(scope.find_new(place, known[place], job.tally), job, scope):
                if asked.is_set():
                    job.tally.stopped = True
                    return job.tally
                with bar.slice(spark, files):
                    job.judge(files)
    return job.tally


def cut_slices(files: Iterable[StoredFile], job: FilesJob, scope: Scope) -> Iterator[list[StoredFile]]:
    """Cut files into slices, each of which is one commit."""
    return cut(files, FILES_A_SLICE_AND_CORE * job.cores * scope.max_file_bytes, SLICE_FILES)
