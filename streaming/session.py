"""The Spark session: what the job needs of it, and the settings that cost or save most, each with its reason.

Where spark-submit started us, what it was given (on EMR: emr/spark-defaults.conf and --conf) wins over these.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark import SparkConf
from pyspark.sql import SparkSession

from streaming.errors import UserError
from streaming.quiet import quiet_children

LOG_LEVEL = "ERROR"
JARS_VARIABLE = "SOUNDGATE_JARS"
LOCAL_JARS = Path(__file__).resolve().parent.parent / ".cache" / "jars"
DELTA_PATTERN = "delta-spark_*.jar"
SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"
TRIES = 4  # of a task, as on a cluster: a worker that the kernel killed for memory is no reason to stop
MOST_PARTITIONS = 64  # unless more are asked for: each costs 0.1 s of CPU a batch

SOCKET_SECONDS = "120"  # within Spark's own 15 a starved machine's worker could not report, and the query ended

PROPERTIES = {
    # Delta's commands and its log as a table format.
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Only RocksDB serves transformWithState; a batch then writes what it changed, not every file that changed.
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # Times are UTC everywhere, whatever the machine's clock is set to.
    "spark.sql.session.timeZone": "UTC",
    # Records cross to Python in bites of so many bytes, each a file of the spool; behind the intake rows are small.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(16 << 20),
    # A table's log is a few thousand lines: read in the 50 tasks of Delta's default, each append costs seconds.
    "spark.databricks.delta.snapshotPartitions": "1",
    # A second copy of a slow task would read the stream twice.
    "spark.speculation": "false",
    # A worker opens the index once and lives on.
    "spark.python.worker.reuse": "true",
    "spark.python.authenticate.socketTimeout": f"{SOCKET_SECONDS}s",
    # The UI keeps each batch's jobs and plans in the driver's memory, up to these numbers.
    "spark.ui.retainedJobs": "100",
    "spark.ui.retainedStages": "100",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.ui.showConsoleProgress": "false",
}
LOCAL_PROPERTIES = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    # Of the JVM's work here, which is planning and copying, the optimising compiler was the largest part: half of the
    # demo's time, and still a third of the CPU in the tenth minute. Without it the code cache shrinks to 48 MB, in
    # which Spark's generated classes do not fit, unless its size is said.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
    # Workers that do not read the directory of pyspark.zip again for each task.
    "spark.python.daemon.module": "streaming.spark_daemon",
}


def start_session(partitions: int | None = None, more: dict[str, str] | None = None) -> SparkSession:
    """Start Spark, here or where spark-submit started us, or give the session that is there.

    Parameters
    ----------
    partitions
        State partitions; a checkpoint keeps its first number for ever. None = as submitted, or as many as cores.
    more
        Properties that go before all others.

    Raises
    ------
    UserError
        When Delta's jar or Java is not there.
    """
    # Without it, the workers are whichever python3 comes first on PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_AUTH_SOCKET_TIMEOUT", SOCKET_SECONDS)  # the driver's own end of the same sockets
    builder = SparkSession.builder.appName("soundgate")
    properties = PROPERTIES
    if submitted():
        said = dict(SparkConf().getAll())  # a session's own properties would go before these
        properties = {name: value for name, value in PROPERTIES.items() if name not in said}
    else:
        cores = os.cpu_count() or 1
        properties = (
            properties | LOCAL_PROPERTIES | {"spark.jars": find_jars(), "spark.master": f"local[{cores},{TRIES}]"}
        )
        properties[SHUFFLE_PARTITIONS] = str(min(cores, MOST_PARTITIONS))
    if partitions:
        properties[SHUFFLE_PARTITIONS] = str(partitions)
    for name, value in (properties | (more or {})).items():
        builder = builder.config(name, value)
    with deaf_children(signal.SIGTERM):
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel(LOG_LEVEL)
    return session


@contextmanager
def lent_session(
    given: SparkSession | None, start: Callable[[], SparkSession], debug: bool = False
) -> Iterator[SparkSession]:
    """Give a session to use: `given`, or else one that is started for this alone, and stopped at the end.

    With `debug`, everything is let through that Spark says on standard error.
    """
    with nullcontext() if debug else quiet_children():
        session = given or start()
    try:
        yield session
    finally:
        if given is None:
            with suppress(Py4JError, ConnectionError):  # of a JVM that is gone; what broke it is told already
                session.stop()


@contextmanager
def deaf_children(number: signal.Signals) -> Iterator[None]:
    """Let processes that are forked inside ignore a signal, as Java then does for good.

    systemd, for one, stops a service by SIGTERM to all of its processes at once; a JVM that ended by it would take the
    batch along that its driver wants to finish. It still ends with the driver, when its standard input closes.
    """
    inside = threading.Event()  # a hook stays for ever, so it has to know whether it is meant
    os.register_at_fork(after_in_child=lambda: inside.is_set() and signal.signal(number, signal.SIG_IGN))
    inside.set()
    try:
        yield
    finally:
        inside.clear()


def submitted() -> bool:
    """Whether spark-submit started this process, so that master, jars and memory are said already."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def find_jars() -> str:
    """List the jars that Delta needs, as ``spark.jars`` wants them."""
    folder = Path(os.environ.get(JARS_VARIABLE) or LOCAL_JARS)
    jars = sorted(folder.glob("*.jar"))
    if not any(jar.match(DELTA_PATTERN) for jar in jars):
        raise UserError(f"no {DELTA_PATTERN} in {folder}: fetch it by `make setup`, or set {JARS_VARIABLE}")
    return ",".join(str(jar) for jar in jars)
