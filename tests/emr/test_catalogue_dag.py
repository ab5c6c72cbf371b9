"""The catalogue's DAG: its tasks, run by the real command line, bring a new recording to a running job."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from threading import Event, Thread
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from references.errors import RecordingsError
from references.publish import publish_index
from streaming.cli import app
from streaming.identity import CHECKPOINT_FILE
from streaming.index_in_use import IndexInUse
from streaming.places import open_place
from streaming.settings import load_settings
from udfs.index_files import GENERATIONS
from udfs.landmark_index import open_index

PATH = Path(__file__).parents[2] / "emr" / "dags" / "soundgate_catalogue.py"


@pytest.fixture(scope="module")
def dag() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soundgate_catalogue", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Any]:
    names = {name: str(tmp_path / name) for name in ("catalogue", "index", "published", "checkpoint")}
    return {**names, "sources": [str(tmp_path / "music")]}


def record(places: dict[str, Any], seed: int) -> None:
    folder = Path(places["sources"][0])
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    at = np.arange(8000 * 4) / 8000
    sound = sum(np.sin(2 * np.pi * pitch * at) for pitch in random.uniform(200, 3000, 5)) / 8
    soundfile.write(folder / f"{seed}.flac", sound * (0.6 + 0.4 * np.sin(9 * at)), 8000)


def run(command: tuple[str, ...]) -> None:
    assert command[0] == "soundgate"
    answer = CliRunner().invoke(app, command[1:], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output


def test_its_tasks_bring_new_recordings_to_the_running_job(dag: ModuleType, places: dict[str, Any]) -> None:
    steps = dag.steps(places)
    assert [step.name for step in steps] == ["sync_0", "build", "verify", "publish", "use"]
    record(places, 1)
    for step in steps[:4]:
        run(step.command)
    checkpoint = open_place(places["checkpoint"])
    checkpoint.write(CHECKPOINT_FILE, b"{}")
    flags = {"source": "files:.", "index": Path(places["published"]), "lake": ".", "checkpoint": places["checkpoint"]}
    in_use, over = IndexInUse(load_settings(flags), checkpoint), Event()
    job = Thread(target=lambda: [in_use.look() for _ in iter(lambda: over.wait(0.05), True)])  # type: ignore[misc]
    job.start()
    try:
        record(places, 2)
        for step in steps:
            run(step.command)
    finally:
        over.set()
        job.join()
    assert in_use.opener().index_sha256 == open_index(places["index"]).sha256
    assert {one.reference_id for one in open_index(places["published"]).recordings} == {"1", "2"}


def test_a_path_with_a_blank_stays_one_word_of_the_command(dag: ModuleType, places: dict[str, Any]) -> None:
    first = dag.steps({**places, "sources": ["freesound:rain on a roof", "/mnt/a'b; rm -rf /"]})
    assert first[0].shell.startswith("soundgate catalogue sync 'freesound:rain on a roof' --catalogue ")
    assert "'/mnt/a'\"'\"'b; rm -rf /'" in first[1].shell
    assert [step.name for step in first][:3] == ["sync_0", "sync_1", "build"]


def test_without_airflow_the_file_is_only_its_tasks(dag: ModuleType) -> None:
    assert not hasattr(dag, "dag")


def test_what_was_damaged_on_the_way_is_not_published(places: dict[str, Any], tmp_path: Path) -> None:
    record(places, 1)
    run(("soundgate", "index", "build", places["sources"][0], "-o", places["index"]))
    index, to = Path(places["index"]), Path(places["published"])
    before = publish_index(index, to)
    record(places, 2)
    run(("soundgate", "index", "add", f"{places['sources'][0]}/2.flac", "-i", places["index"]))
    (new,) = {one.name for one in (index / GENERATIONS).iterdir()} - {one.name for one in (to / GENERATIONS).iterdir()}
    planes = index / GENERATIONS / new / "planes.npy"
    whole = planes.read_bytes()
    planes.write_bytes(whole[:-9000] + bytes([whole[-9000] ^ 1]) + whole[-8999:])
    with pytest.raises(RecordingsError, match="has other content"):
        publish_index(index, to)
    assert open_index(to).sha256 == before
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "a.txt").write_text("a")
    with pytest.raises(RecordingsError, match="no index"):
        publish_index(index, tmp_path / "else")
