"""The progress bar of a run over stored files, on standard error; nothing where that is no terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from pyspark.sql import SparkSession
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from streaming.files.stored_file import StoredFile

LOOK_SECONDS = 0.5


class Bar:
    """A bar of bytes with the files counted beside it; a context manager.

    Parameters
    ----------
    files, total_bytes
        What is to be done; None = nobody knows, as with a queue.
    """

    def __init__(self, files: int | None = None, total_bytes: int | None = None) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("judging"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[done]}"))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
        self._of = "" if files is None else f" of {files}"
        self._done_files = self._done_bytes = 0
        self._bytes = self._progress.add_task("bytes", total=total_bytes, done=self._in_words())

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def slice(self, spark: SparkSession, files: Sequence[StoredFile]) -> Iterator[None]:
        """Follow one slice by Spark's tasks, while inside."""
        size = sum(file.size for file in files)
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(spark, size, done), name="progress", daemon=True)
        if not self._progress.disable:
            watch.start()
        try:
            yield
        finally:
            done.set()
            if watch.is_alive():
                watch.join()
        self._done_bytes += size
        self._done_files += len(files)
        self._progress.update(self._bytes, completed=self._done_bytes, done=self._in_words())

    def _in_words(self) -> str:
        return f"{self._done_files}{self._of} files"

    def _watch(self, spark: SparkSession, size: int, done: threading.Event) -> None:
        tracker = spark.sparkContext.statusTracker()
        while not done.wait(LOOK_SECONDS):
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            tasks = max((stage for stage in stages if stage is not None), key=lambda each: each.numTasks, default=None)
            if tasks is not None and tasks.numTasks > 1:
                share = tasks.numCompletedTasks / tasks.numTasks
                self._progress.update(self._bytes, completed=self._done_bytes + int(size * share))
