"""Whatever comes, each record has one outcome: poison, lies, bombs, duplicates, holes, hostile names, in one job.

One run of the job under a clock of its own serves all of these tests; its script is `play_everything`.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from job_rig import Rig, records, upload, upload_id, write_wave
from job_script import Add, Advance, Settle, Stage, Start, Stop, play
from poison import UNREACHABLE, digest, poisonous_records, poisonous_samples, poisonous_tracks
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812
from rebuilding import altered, make_chunks, make_legacy_slices
from reconcile import read_produced, reconcile_lake

from streaming.chunk import Chunk, Compression, Format
from streaming.producer import Record
from streaming.rejections import Code
from streaming.wire_v1 import encode_v1
from udfs.track import Encoding

pytestmark = pytest.mark.spark

NEIGHBOUR, TORN, ENDLESS, DOUBLED, SPREAD, AGAIN, GZIP_BOMB, TOO_LARGE, CHILD_FIRST = range(1, 10)
PIECE = 16 << 10  # bytes of a chunk
FIRST_TRACK, FIRST_SAMPLES, FIRST_HOSTILE = 100, 200, 300
HOSTILE = (
    "../../../etc/passwd",
    "a/../../b\0c",
    "=cmd|'/c calc'!A1/@SUM(1+1)",
    "'; DROP TABLE verdicts; --/`x`",
    "<script>alert(1)</script>/<img src=x onerror=alert(1)>",
    "\x1b]0;title\x07\x1b[2J/\x1b[31mred",
    "\u202egnp.exe/\u2066\u2069\ufeff",
    'quote"comma,newline\r\n/tab\tsemi;',
    "${jndi:ldap://x/a}/%s%n{0}",
    "/",
    "no slash at all",
    "😀" * 128 + "/" + "\U0010ffff" * 100,
)


@dataclass(frozen=True)
class Played:
    """The folders after the script, what was produced, and the numbers of uploads."""

    rig: Rig
    produced: list[Path]
    rows_of_state: dict[str, int]


def sound(seed: int) -> bytes:
    """Give a short melody as a file of five chunks."""
    return write_wave(seed, 1.5)


def whole(number: int, data: bytes, key: str | None = None) -> list[Record]:
    """One upload of one chunk."""
    return upload(number, data, key, size=len(data))


def of_samples(number: int, data: bytes, rate: int, channels: int) -> Record:
    """An upload of one chunk that carries float samples."""
    last = Chunk(
        *(upload_id(number), Format.V1, 0, 1, Encoding.F32LE, rate, channels, Compression.NONE, data),
        crc32=zlib.crc32(data),
        track_bytes=len(data),
        track_sha256=sha256(data).hexdigest(),
    )
    return Record("eve/samples", encode_v1(last))


def gzip_bomb() -> list[Record]:
    (bomb,) = make_chunks(bytes(30 << 20), 30 << 20, upload_id(GZIP_BOMB), Compression.GZIP)
    return records([altered(bomb, track_bytes=100)], "eve/bomb")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, index: Path, spark: SparkSession) -> Played:
    """Play the script once."""
    stage = Stage.make(
        tmp_path_factory.mktemp("outcomes"),
        index,
        spark,
        timeout_seconds=600.0,
        max_open_seconds=1_500.0,
        max_upload_bytes=20 << 20,
    )
    play_everything(stage)
    rows = {name: read_state(stage, name) for name in ("upload", "chunks", "finished")}
    return Played(stage.rig, stage.produced, rows)


def play_everything(stage: Stage) -> None:
    torn, doubled, spread = (upload(number, sound(number), size=PIECE) for number in (TORN, DOUBLED, SPREAD))
    child = upload(CHILD_FIRST, sound(9), size=9_000)
    endless = make_chunks(sound(8), 1_000, upload_id(ENDLESS), count_on_all=False)[:8]
    never_ends = [Record("eve/endless", encode_v1(chunk)) for chunk in endless]
    rival = records(
        [altered(make_chunks(sound(DOUBLED), PIECE, upload_id(DOUBLED))[1], payload=b"x")], "user4/track 4.wav"
    )
    lie = records([altered(make_chunks(sound(SPREAD), PIECE, upload_id(SPREAD))[1], count=77)], "user5/track 5.wav")
    claims_much = records(
        [altered(make_chunks(b"x" * 10, 10, upload_id(TOO_LARGE))[0], track_bytes=1 << 30)], "eve/large"
    )
    slices = [Record("carol/old", data) for data in make_legacy_slices(b"\0\0\0\0" * 400_000, 275_000)]
    everything = [
        *(Record(key, data) for _, key, data in poisonous_records()),
        *(
            record
            for number, data in enumerate(poisonous_tracks().values(), FIRST_TRACK)
            for record in whole(number, data, "eve/track")
        ),
        *(of_samples(number, *each) for number, each in enumerate(poisonous_samples().values(), FIRST_SAMPLES)),
        *(
            record
            for number, key in enumerate(HOSTILE, FIRST_HOSTILE)
            for record in whole(number, write_wave(11, 1.0), key)
        ),
        *gzip_bomb(),
        *claims_much,
        *upload(NEIGHBOUR, sound(NEIGHBOUR)),
        *torn[:2],
        *torn[3:],
        *doubled[:2],
        *spread[3:],
        *child[-2:],
        *slices[1:],
        *never_ends[:2],
    ]
    random.Random(7).shuffle(everything)
    play(
        stage,
        Add(everything),
        Start(),
        Settle(),
        Add([*doubled[:2], *rival, *lie, *spread[:3], *child[:-2], *slices[:1], *doubled[2:], *never_ends[2:3]]),
        Settle(),
        Advance(300),
        Add(never_ends[3:4]),
        Settle(),
        Advance(302),  # the torn upload's time is over, on an idle stream
        Add([*torn[2:3], *upload(AGAIN, sound(TORN), "user2/track 2.wav"), *never_ends[4:5], *never_ends[4:5]]),
        Settle(),
        Advance(400),
        Add(never_ends[5:6]),
        Settle(),
        Advance(500),  # over 1,500 s after its first chunk, though never idle
        Add([*never_ends[6:], *doubled[:1], Record("", b""), *torn[2:3]]),
        Settle(),
        Stop(),
    )  # fmt: skip


def read_state(stage: Stage, variable: str) -> int:
    """Count the entries of a state variable in the checkpoint."""
    reader = stage.spark.read.format("statestore").option("stateVarName", variable)
    if variable == "chunks":
        reader = reader.option("flattenCollectionTypes", True)
    return int(reader.load(str(stage.rig.root / "checkpoint")).agg(F.count("*")).collect()[0][0])


def test_every_record_of_it_has_exactly_one_outcome(played: Played) -> None:
    account = reconcile_lake(read_produced(played.produced), played.rig.root / "lake")
    assert account.balanced, account
    assert account.records > 120


def test_every_code_of_the_parser_is_one_rejection_with_its_bytes(played: Played) -> None:
    rows = played.rig.rejections()
    expected = Counter((code.value, key, digest(data)) for code, key, data in poisonous_records())
    found = Counter((row["reason"], row["partition_key"], row["data_sha256"]) for row in rows)
    assert not expected - found
    assert {code for code, _, _ in poisonous_records()} == {
        code for code in Code if code.value.startswith("wire.")
    } - UNREACHABLE
    kept = {row["data_sha256"]: row["data"] for row in rows}
    assert all(kept[digest(data)] == data[:65_536] for _, _, data in poisonous_records())


def test_no_poisonous_track_is_accepted_or_stops_its_neighbours(played: Played) -> None:
    verdicts = played.rig.verdicts()
    decided = {
        name: (verdicts[upload_id(number)]["decision"], verdicts[upload_id(number)]["reasons"])
        for number, name in enumerate(poisonous_tracks(), FIRST_TRACK)
    }
    assert not [name for name, (_, reasons) in decided.items() if "error.classifier" in reasons], decided
    sound = {"one sample", "a rate of 384 kHz", "64 channels", "an hour of silence in FLAC", "an Ogg in a WAVE"}
    lies = {"a RIFF that claims four gigabytes", "a chunk that claims two gigabytes"}  # and hides nothing behind it
    harmless = {"a FLAC cut in its middle", "a chunk called SMPL of nothing but lies"}
    accepted = {name for name, (decision, _) in decided.items() if decision == "accept"}
    assert accepted <= sound | lies | harmless, decided
    assert verdicts[upload_id(NEIGHBOUR)]["decision"] == "accept"


def test_no_poisonous_samples_are_accepted(played: Played) -> None:
    verdicts = played.rig.verdicts()
    decided = {
        name: (verdicts[upload_id(number)]["decision"], verdicts[upload_id(number)]["reasons"])
        for number, name in enumerate(poisonous_samples(), FIRST_SAMPLES)
    }
    accepted = {name for name, (decision, _) in decided.items() if decision == "accept"}
    assert accepted <= {"one frame", "one frame of 64 channels"}, decided  # too short to hold anything
    assert not [name for name, (_, reasons) in decided.items() if "error.classifier" in reasons], decided


def test_bombs_are_refused_by_what_they_would_become(played: Played) -> None:
    verdicts = played.rig.verdicts()
    for number in (GZIP_BOMB, TOO_LARGE):
        assert verdicts[upload_id(number)]["reasons"] == ["upload.too_large"]


def test_hostile_keys_are_kept_as_they_are_and_name_no_file(played: Played) -> None:
    verdicts = played.rig.verdicts()
    for number, key in enumerate(HOSTILE, FIRST_HOSTILE):
        row = verdicts[upload_id(number)]
        user, slash, name = key.partition("/")
        assert row["partition_key"] == key
        assert (row["user_id"], row["track_name"]) == ((user, name) if slash else ("", key))
    names = {path.name for path in played.rig.root.rglob("*")}
    assert not [name for name in names if any(part in name for part in ("passwd", "DROP", "script", "calc", "jndi"))]
    assert not (played.rig.root.parent / "b\\0c").exists()


def test_duplicates_are_counted_and_rivals_are_one_rejection_each(played: Played) -> None:
    verdicts, rejections = played.rig.verdicts(), played.rig.rejections()
    assert (verdicts[upload_id(DOUBLED)]["decision"], verdicts[upload_id(DOUBLED)]["chunks_duplicate"]) == ("accept", 2)
    assert verdicts[upload_id(SPREAD)]["decision"] == verdicts[upload_id(CHILD_FIRST)]["decision"] == "accept"
    by_reason = Counter((row["reason"], row["upload_id"]) for row in rejections if row["reason"].startswith("chunk."))
    assert by_reason == {
        ("chunk.conflict", upload_id(DOUBLED)): 1,
        ("chunk.mismatch", upload_id(SPREAD)): 1,
        ("chunk.late", upload_id(DOUBLED)): 1,
        ("chunk.late", upload_id(TORN)): 2,
        ("chunk.late", upload_id(ENDLESS)): 2,
    }


def test_a_hole_is_one_incomplete_after_the_timeout_on_an_idle_stream(played: Played) -> None:
    row = played.rig.verdicts()[upload_id(TORN)]
    assert (row["decision"], row["reasons"], row["missing"]) == (
        "incomplete", ["upload.missing_chunks"], [{"first": 2, "last": 2}],
    )  # fmt: skip


def test_the_same_track_under_the_same_key_and_a_new_id_has_a_verdict_of_its_own(played: Played) -> None:
    row = played.rig.verdicts()[upload_id(AGAIN)]
    assert (row["decision"], row["partition_key"]) == ("accept", "user2/track 2.wav")


def test_an_upload_that_never_ends_is_closed_and_its_copies_do_not_help_it(played: Played) -> None:
    row = played.rig.verdicts()[upload_id(ENDLESS)]
    assert (row["decision"], row["reasons"]) == ("incomplete", ["upload.open_too_long"])
    assert (row["chunks_received"], row["chunks_duplicate"]) == (6, 1)


def test_afterwards_the_state_is_empty_but_for_the_markers(played: Played) -> None:
    assert played.rows_of_state["upload"] == played.rows_of_state["chunks"] == 0
    assert played.rows_of_state["finished"] == len(played.rig.verdicts())
    assert played.rig.in_flight() == 0
