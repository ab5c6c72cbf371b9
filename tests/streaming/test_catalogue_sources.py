"""The catalogue of recordings beyond one machine: a bucket as its source, a catalogue of Delta tables as its index."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from job_rig import RATE, make_sound
from pyspark.sql import SparkSession
from stored_rig import aws_server, put
from typer.testing import CliRunner

from references.catalogue.entry import State
from references.catalogue.table import CatalogueTable
from streaming.catalogue import list_recordings, open_catalogue
from streaming.cli import app
from streaming.errors import UserError
from streaming.files.access import Access
from udfs.landmark_index import open_index

BUCKET = "music"
KEYS = {1: "a+b/Ein Lied.flac", 2: "c/two.flac"}


@pytest.fixture(scope="module")
def access() -> Iterator[Access]:
    with aws_server() as one:
        yield one


def flac(seed: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, make_sound(seed), RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def run(*arguments: object) -> dict[str, Any]:
    answer = CliRunner().invoke(app, ["catalogue", *map(str, arguments), "--json"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    value: dict[str, Any] = json.loads(answer.stdout)
    return value


def test_a_buckets_recordings_are_kept_with_what_its_tables_say_and_leave_with_their_files(
    access: Access, tmp_path: Path
) -> None:
    place, index = tmp_path / "catalogue", tmp_path / "index"
    put(access, BUCKET, {key: flac(seed) for seed, key in KEYS.items()})
    put(access, BUCKET, {"a+b/metadata.csv": b"file,title,licence\nEin Lied.flac,Lied,CC0-1.0\n"})
    way = ("--region", access.region, "--endpoint-url", access.endpoint_url)
    name = f"s3://{BUCKET}"
    done = run("sync", name, "-c", place, "-i", index, *way)
    assert done["sources"][name]["new"] == 2
    song, two = CatalogueTable(place).entries()
    assert (song.reference_id, song.title, song.licence) == ("Ein Lied", "Lied", "CC0-1.0")
    assert Path(song.audio).read_bytes() == flac(1)

    put(access, BUCKET, {"a+b/metadata.csv": b"file,title,licence\nEin Lied.flac,Anders,CC0-1.0\n"})
    access.client("s3").delete_object(Bucket=BUCKET, Key=KEYS[2])
    done = run("sync", name, "-c", place, "-i", index, *way)
    assert (done["sources"][name]["changed"], done["sources"][name]["gone"]) == (1, 1)
    assert done["index"]["deleted_files"] == 1
    assert not Path(two.audio).exists()
    assert [(one.reference_id, one.title) for one in open_index(index).recordings] == [("Ein Lied", "Anders")]
    assert [entry.state for entry in CatalogueTable(place).entries()] == [State.LISTED, State.GONE]
    with pytest.raises(UserError, match="NoSuchBucket"):
        run("sync", "s3://not-there", "-c", place, *way)


@pytest.mark.spark
@pytest.mark.slow  # what is planned is tested beside, and Delta's own part in test_catalogue.py
def test_a_catalogue_of_delta_tables_follows_as_an_index_of_files_does(spark: SparkSession, tmp_path: Path) -> None:
    place, index = tmp_path / "catalogue", f"delta:{tmp_path / 'delta'}"
    music = tmp_path / "music"
    music.mkdir()
    for seed in (1, 2):
        (music / f"{seed}.flac").write_bytes(flac(seed))
    assert run("sync", music, "-c", place, "-i", index)["index"]["added"] == 2
    run("update", "1", "-c", place, "--title", "The First")
    run("remove", "2", "-c", place)
    done = run("sync", "-c", place, "-i", index)["index"]
    opened = open_catalogue(spark, index)
    assert (done["added"], done["removed"], done["index_sha256"]) == (1, 2, opened.sha256)
    assert [(one.reference_id, one.title) for one in list_recordings(spark, opened)] == [("1", "The First")]
