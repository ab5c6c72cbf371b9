"""From an order to judge stored files to what was done: settings, session, and the loop that was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.announced import Announced
from streaming.files.bar import Bar
from streaming.files.consumer import consume
from streaming.files.judging import FilesJob, check_writers, new_work
from streaming.files.known import Scope
from streaming.files.queue import open_queue
from streaming.files.report_writer import BESIDE, ReportWriter, lies_under
from streaming.files.run import judge_places
from streaming.files.stored_file import S3, check_s3_place
from streaming.files.tally import Tally
from streaming.run import check_index, explain
from streaming.session import lent_session, start_session
from streaming.settings import Settings
from streaming.signals import stop_signals

LoadSettings = Callable[[dict[str, Any]], Settings]


@dataclass(frozen=True)
class Order:
    """What is to be judged, and how.

    Parameters
    ----------
    places
        As `streaming.files.listing.check_place` gives them.
    access
        The way to S3 and SQS.
    reports
        Where reports go: ``beside``, a folder or ``s3://…``; None = there are none.
    queue
        A queue's name or URL; None = everything under the places.
    drain
        Whether to end when the queue is empty.
    job_stopped
        Whether no streaming job writes to the lake meanwhile.
    """

    places: tuple[str, ...]
    access: Access
    reports: str | None = None
    queue: str | None = None
    drain: bool = False
    job_stopped: bool = False


def carry_out(order: Order, load: LoadSettings, debug: bool = False, spark: SparkSession | None = None) -> Tally:
    """Judge what was ordered.

    Parameters
    ----------
    order
        What.
    load
        Gives the settings, with some more on top of what it knows.
    debug
        Let everything through that Spark says on standard error.
    spark
        A session to use; one is started otherwise, and stopped at the end.

    Raises
    ------
    UserError
        When it could not start, or broke off.
    """
    if order.queue is not None and not all(place.startswith(S3) for place in order.places):
        raise UserError("--sqs announces objects: name the s3:// places under which they are judged")
    settings = complete(order, load)
    for name, written in (("--lake", settings.lake), ("--quarantine", settings.quarantine)):
        if written is not None and lies_under(written, order.places):
            raise UserError(
                f"{name} {written}: it lies under a place that is judged; what is written there would be, too"
            )
    check_index(settings)
    reports = open_reports(order)
    scope = Scope(order.places, order.access, settings.lake, settings.max_upload_bytes, order.reports == BESIDE)
    if order.queue is None and (tally := scope.nothing_new()) is not None:
        return tally  # at once, where starting Spark would take ten seconds
    start = partial(start_session, settings.partitions)
    with stop_signals() as asked, lent_session(spark, start, debug) as session:
        try:
            check_writers(session, settings, order.job_stopped)
            job = FilesJob(session, settings, order.access, reports)
            job.prepare()
            try:
                return _judge(order, session, job, scope, asked)
            finally:
                with suppress(OSError):
                    job.close()
        except (Py4JNetworkError, ConnectionError) as error:
            raise UserError(
                "Spark's JVM is gone: killed, or out of memory. Start again: what has its verdict is not done twice"
            ) from error
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the job stopped: {explain(error)}. Start again: it goes on where it was") from error


def _judge(order: Order, spark: SparkSession, job: FilesJob, scope: Scope, asked: threading.Event) -> Tally:
    """Judge what lies under the places, or what the queue announces."""
    if order.queue is None:
        return judge_places(spark, job, scope, asked)
    queue = open_queue(order.queue, order.access)
    with Bar() as bar:
        consume(queue, Announced(spark, job, bar, scope).work, asked, order.drain)
    return job.tally


def complete(order: Order, load: LoadSettings) -> Settings:
    """Load the settings; source and checkpoint, which the streaming job needs, follow from places and lake."""
    first = load({"source": [f"files:{place}" for place in order.places], "checkpoint": "."})
    return first.model_copy(update={"checkpoint": new_work(first.lake)})


def open_reports(order: Order) -> ReportWriter | None:
    """Open where reports go; raises `UserError` for a folder whose files would be judged."""
    to = order.reports
    if to is None or to == BESIDE:
        return None if to is None else ReportWriter(BESIDE, order.access)
    folder = check_s3_place(to) if to.startswith(S3) else _absolute(to)
    if lies_under(folder, order.places):
        raise UserError(f"--reports {to}: it lies under a place that is judged; reports would be taken for files")
    return ReportWriter(folder, order.access)


def _absolute(folder: str) -> str:
    return str(Path(folder).resolve())
