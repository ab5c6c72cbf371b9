"""From an order to answer a queue's requests to what was done: settings, source, lake, and the loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from streaming import upkeep
from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.consumer import consume
from streaming.files.queue import open_queue
from streaming.lake_reader import in_one_line
from streaming.settings import Settings
from streaming.signals import stop_signals
from streaming.single.find_records import FILES, Record, find_in_folder, find_in_stream
from streaming.single.lake import VERDICTS, VerdictLake
from streaming.single.opening import open_judge
from streaming.single.rebuilds import Done, FindRecords, Rebuilds

KINESIS = "kinesis:"


@dataclass(frozen=True)
class Order:
    """What is to be answered, and how.

    Parameters
    ----------
    queue
        A queue's name or URL.
    stream
        ``kinesis:STREAM`` (or just its name), or ``files:DIR``.
    access
        The way to SQS and Kinesis.
    drain
        Whether to end when the queue gives no more.
    lock_table, job_stopped
        What keeps this and the job apart on S3 (`streaming.upkeep`).
    """

    queue: str
    stream: str
    access: Access
    drain: bool = False
    lock_table: str | None = None
    job_stopped: bool = False


def carry_out(order: Order, load: Callable[[dict[str, Any]], Settings]) -> Done:
    """Answer requests until asked to end, or until the queue gives no more.

    Raises
    ------
    UserError
        When it could not start, or broke off.
    """
    source = order.stream if order.stream.startswith((FILES, KINESIS)) else f"{KINESIS}{order.stream}"
    settings = load({"source": [source], "checkpoint": "."})
    lake_access = upkeep.Access(settings.lake, order.lock_table, order.job_stopped)
    make_table(lake_access)
    lake = VerdictLake(lake_access)
    find = open_source(source, order.access)
    queue = open_queue(order.queue, order.access)
    rebuilds = Rebuilds(find, source.startswith(FILES), open_judge(settings), lake, settings)
    with stop_signals() as asked:
        consume(queue, rebuilds.work, asked, order.drain)
    return rebuilds.done


def make_table(access: upkeep.Access) -> None:
    """Make the table of verdicts where there is none, as `streaming.sinks` does; Spark is not started for it."""
    from pyspark.sql.pandas.types import to_arrow_schema

    from streaming.schemas import VERDICT
    from streaming.sinks import PROPERTIES

    options = access.storage_options()
    where = f"{access.lake.rstrip('/')}/{VERDICTS}"
    try:
        DeltaTable.create(
            where, to_arrow_schema(VERDICT), "ignore", configuration=dict(PROPERTIES), storage_options=options
        )
    except (DeltaError, OSError) as error:
        raise UserError(f"--lake {access.lake}: {in_one_line(error)}") from error


def open_source(source: str, access: Access) -> FindRecords:
    """Open what records are fetched from."""
    if source.startswith(FILES):
        folder = Path(source.removeprefix(FILES))
        if not folder.is_dir():
            raise UserError(f"--stream {source}: there is no such folder")
        return lambda keys, _since_ms: find_in_folder(folder, keys)
    stream = source.removeprefix(KINESIS)

    def find(keys: Collection[str], since_ms: int) -> Iterable[Record]:
        return find_in_stream(access.client("kinesis"), stream, keys, since_ms)

    return find
