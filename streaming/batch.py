"""One batch, from its outcomes to the tables; what ``foreachBatch`` calls."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pyspark.sql import DataFrame

from streaming.catalogue import Catalogue, open_catalogue
from streaming.identification import identify_batch
from streaming.index_in_use import IndexInUse
from streaming.ledger import Ledger
from streaming.metrics import Counted
from streaming.pipeline import plan_rows
from streaming.places import open_place
from streaming.pressure import Pressure
from streaming.settings import Settings
from streaming.sinks import REJECTIONS, VERDICTS, Lake
from streaming.spool import Spool
from streaming.staging import BatchCounts, Staging, count


class ClosingError(Exception):
    """A batch that is not begun because the job is stopping; the next run does it."""


class BatchWriter:
    """Writes batches, in the order of `write`'s steps; any of them may be the last before a crash.

    Parameters
    ----------
    settings
        The job's.
    spool
        Where the bytes of uploads lie until they are judged.
    staging, lake, ledger
        Where the rows go on their way, at last, and where they are counted.
    pressure
        Whether uploads get less time for now.
    """

    def __init__(
        self, settings: Settings, spool: Spool, staging: Staging, lake: Lake, ledger: Ledger, pressure: Pressure
    ) -> None:
        self._settings = settings
        self._index = IndexInUse(settings, open_place(settings.checkpoint))
        self._spool = spool
        self._staging = staging
        self._lake = lake
        self._ledger = ledger
        self._pressure = pressure
        self.catalogue: Catalogue | None = None  # what tracks are identified against, if not an index of files
        self.closing = threading.Event()  # set: begin no further batch
        self.refused = False  # whether a batch was, for that reason: the query then ends with an error that is none
        self.failure: Exception | None = None  # why a batch failed, before Spark wrapped it
        self.last: BatchCounts | None = None
        self.observers: list[Callable[[int, Counted], None]] = []  # told of each batch once it is in the tables

    def write(self, outcomes: DataFrame, batch_id: int) -> None:
        """Write a batch: 1. tidy up, 2. stage (the plan's one action), 3. verdicts, 4. rejections, 5. the ledger.

        Against a catalogue the staged tracks are identified between 2 and 3.
        """
        if self.closing.is_set():
            self.refused = True
            raise ClosingError("no further batch is begun: the job is stopping")
        try:
            self._write(outcomes, batch_id)
        except Exception as error:
            self.failure = error
            raise

    def _write(self, outcomes: DataFrame, batch_id: int) -> None:
        self._staging.clear()
        self._spool.forget(self._ledger.oldest(batch_id), batch_id)
        opener = self._index.look(self._renew_catalogue(outcomes))
        self._staging.write(plan_rows(outcomes, self._settings, opener), batch_id)
        staged = self._staging.read(outcomes.sparkSession, batch_id)
        staged = identify_batch(staged, self.catalogue, opener.min_score, self._staging, batch_id)
        self.last = count(staged)
        if self.last.verdicts:
            verdicts = staged.where("verdict IS NOT NULL").select("verdict.*")
            self._lake.append(VERDICTS, verdicts, batch_id)
        if self.last.rejections:
            rejections = staged.where("rejection IS NOT NULL").select("rejection.*")
            self._lake.append(REJECTIONS, rejections, batch_id)
        self._ledger.post(batch_id, self.last.opened, self.last.closed)
        for observe in self.observers:
            observe(batch_id, counted(self.last, self._ledger.in_flight, self._pressure.on))

    def _renew_catalogue(self, outcomes: DataFrame) -> Callable[[], str] | None:
        """Give how a catalogue is opened anew; None where the index is one of files."""
        if self.catalogue is None:
            return None

        def renew() -> str:
            self.catalogue = open_catalogue(outcomes.sparkSession, self._settings.index)
            return self.catalogue.sha256

        return renew


def counted(counts: BatchCounts, in_flight: int, shortened: bool) -> Counted:
    """Say what a batch gave in the words of the metrics."""
    return Counted(
        decisions=counts.verdicts,
        rejections=counts.rejections,
        errors=counts.errors,
        judge_ms=counts.judge_ms,
        latency_ms=counts.latency_ms,
        newest_arrival_ms=counts.newest_arrival_ms,
        in_flight=in_flight,
        shortened=shortened,
    )
