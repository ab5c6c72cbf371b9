"""Once a day: new recordings into the catalogue, the index in line with it, verified, and taken by the running job.

An Airflow DAG that calls the command line and nothing else, so that it runs wherever `soundgate` is on the path, in an
environment of its own (Airflow's pins and ours exclude each other). What it does is `steps`, plain data; Airflow is
needed where it is loaded as a DAG only. Set in Airflow's environment:

    AIRFLOW_VAR_SOUNDGATE_CATALOGUE   JSON: {"catalogue": FOLDER, "index": FOLDER, "published": FOLDER,
                                      "checkpoint": FOLDER or s3://…, "sources": [FOLDER, s3://…, "freesound:QUERY"]};
                                      `published` is the index that the job reads
    SOUNDGATE_FREESOUND_KEY, and AWS' own, where a source needs them
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from typing import Any

DAG_ID = "soundgate_catalogue"
SCHEDULE = "@daily"
PLACES_VARIABLE = "AIRFLOW_VAR_SOUNDGATE_CATALOGUE"


@dataclass(frozen=True)
class Step:
    """A task: a command, how often it is tried again, and for how long it may run."""

    name: str
    command: tuple[str, ...]
    retries: int = 2
    minutes: int = 60

    @property
    def shell(self) -> str:
        """The command as a shell wants it."""
        return shlex.join(self.command)


def steps(places: dict[str, Any]) -> list[Step]:
    """List the tasks in their order; each may be done again, whatever of it was done before.

    The index is built in one place and copied to another when it was read whole and found sound, so that the job never
    sees one that is not.
    """
    catalogue, index, published = places["catalogue"], places["index"], places["published"]
    syncs = [
        Step(f"sync_{number}", ("soundgate", "catalogue", "sync", source, "--catalogue", catalogue), minutes=12 * 60)
        for number, source in enumerate(places["sources"])
    ]
    return [
        *syncs,
        Step("build", ("soundgate", "catalogue", "sync", "--catalogue", catalogue, "--index", index), minutes=12 * 60),
        Step("verify", ("soundgate", "index", "verify", "--index", index), retries=0),
        Step("publish", ("soundgate", "index", "publish", "--index", index, "--to", published)),
        Step("use", ("soundgate", "index", "use", "--checkpoint", places["checkpoint"], "--wait", "300")),
    ]


def make_dag(places: dict[str, Any]) -> Any:
    """Make the DAG; needs Airflow."""
    from datetime import datetime, timedelta, timezone

    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG

    start = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - Airflow's Python may be older than ours
    with DAG(DAG_ID, schedule=SCHEDULE, start_date=start, catchup=False, max_active_runs=1, tags=["soundgate"]) as dag:
        tasks = [
            BashOperator(
                task_id=step.name,
                bash_command=step.shell + " ",  # a command that ends in .sh would be taken for a template's file
                retries=step.retries,
                retry_delay=timedelta(minutes=5),
                execution_timeout=timedelta(minutes=step.minutes),
                append_env=True,
            )
            for step in steps(places)
        ]
        for earlier, later in zip(tasks, tasks[1:]):  # noqa: B905, RUF007 - as above
            earlier >> later
    return dag


if PLACES_VARIABLE in os.environ and "AIRFLOW_HOME" in os.environ:
    dag = make_dag(json.loads(os.environ[PLACES_VARIABLE]))
