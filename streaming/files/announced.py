"""Objects that a queue announces: events -> the versions that are there -> verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from streaming.files.bar import Bar
from streaming.files.consumer import Worked
from streaming.files.judging import FilesJob
from streaming.files.known import Scope, to_key
from streaming.files.listing import find_object
from streaming.files.object_events import Created, EventError, parse_message
from streaming.files.queue import Received
from streaming.files.run import cut_slices
from streaming.files.stored_file import StoredFile, find_place, root_of

PARALLEL_REQUESTS = 8


class Announced:
    """Works on messages that announce objects.

    Parameters
    ----------
    spark, job, bar
        The session, what judges, and what shows how far it is.
    scope
        What is judged: whatever else is announced is passed over, since anybody may send to a queue.
    """

    def __init__(self, spark: SparkSession, job: FilesJob, bar: Bar, scope: Scope) -> None:
        self._spark = spark
        self._job = job
        self._bar = bar
        self._scope = scope
        self._known = set[bytes]().union(*(scope.known_ids(place) for place in scope.places))

    def work(self, messages: Sequence[Received]) -> Worked:
        """Judge what some messages announce; raises what stops the job, with no message done."""
        worked = Worked()
        wanted: list[tuple[str, str, str]] = []
        for message in messages:
            try:
                wanted += self._wanted(message.body)
                worked.done.append(message)
            except EventError as error:
                self._job.tally.refused += 1
                worked.refused.append((message, str(error)))
        by_root: dict[str, list[StoredFile]] = defaultdict(list)
        for file in self._find(wanted):
            by_root[root_of(file.place)].append(file)
        for files in by_root.values():
            for part in cut_slices(files, self._job, self._scope):
                with self._bar.slice(self._spark, part):
                    self._job.judge(part)
                self._known.update(to_key(file.upload_id) for file in part)
        return worked

    def _wanted(self, body: str) -> list[tuple[str, str, str]]:
        """Give what a message announces that is to be judged: place, name and version id."""
        tally, wanted = self._job.tally, []
        for event in parse_message(body):
            if not isinstance(event, Created):
                tally.passed[event.what] += 1
                continue
            found = find_place(self._scope.places, f"s3://{event.bucket}/{event.key}")
            if found is None:
                tally.passed["elsewhere"] += 1
            elif self._scope.passes_over(found[1]):
                tally.own += 1
            else:
                wanted.append((*found, event.version_id))
        return wanted

    def _find(self, wanted: Sequence[tuple[str, str, str]]) -> Iterator[StoredFile]:
        """Ask the store for announced objects, and give those that are there and have no verdict, each once."""
        tally, seen = self._job.tally, set[bytes]()
        self._scope.access.client("s3")  # made here: several threads must not make it at a time
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            found = pool.map(lambda each: find_object(each[0], each[1], each[2], self._scope.access), wanted)
            for (place, name, _), file in zip(wanted, found, strict=True):
                tally.found += 1
                if file is None:
                    tally.gone.append(f"{place}/{name}")
                    continue
                tally.found_bytes += file.size
                key = to_key(file.upload_id)
                if key in self._known or key in seen:
                    tally.known += 1
                    continue
                seen.add(key)
                yield file
