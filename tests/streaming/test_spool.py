"""Bytes lie in the spool as they came, and go when nobody can refer to them any more."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rebuilding import UPLOAD_ID, MemoryPlace, make_chunks, make_legacy_slices

from streaming.arrival import SpooledChunk, Unusable, digest_payload, read_content
from streaming.assemble import Recipe
from streaming.chunk import DEFAULT_LIMITS
from streaming.intake import Intake
from streaming.places import Folder
from streaming.spool import GAP, Piece, Spool, name_file
from streaming.wire_v1 import HEADER, MOST_FIELDS, encode_v1

DATA = bytes(range(256)) * 5


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(Folder(tmp_path))


@given(st.data())
def test_pieces_come_back_in_the_order_they_were_asked_for(data: st.DataObject) -> None:
    place = MemoryPlace()
    spool = Spool(place)
    files = {name: data.draw(st.binary(min_size=1, max_size=300)) for name in ("1/a", "1/b", "2/c")}
    for name, content in files.items():
        spool.write(name, [memoryview(content)])
    pieces = []
    for name in data.draw(st.lists(st.sampled_from(sorted(files)), max_size=8)):
        start = data.draw(st.integers(0, len(files[name]) - 1))
        pieces.append(Piece(name, start, data.draw(st.integers(1, len(files[name]) - start))))
    assert spool.read(pieces) == [files[each.file][each.start : each.start + each.length] for each in pieces]


def test_pieces_far_apart_are_read_without_what_lies_between(monkeypatch: pytest.MonkeyPatch) -> None:
    place = MemoryPlace()
    spool = Spool(place)
    spool.write("1/a", [memoryview(bytes(GAP * 4))])
    asked: list[tuple[int, int]] = []
    read = place.read_ranges
    monkeypatch.setattr(place, "read_ranges", lambda name, ranges: asked.extend(ranges) or read(name, ranges))
    near, far = Piece("1/a", 100, 10), Piece("1/a", 3 * GAP, 20)
    spool.read([far, near, Piece("1/a", 0, 10)])
    assert asked == [(0, 110), (3 * GAP, 20)]


def test_what_is_lost_or_too_short_is_said_so(spool: Spool) -> None:
    spool.write("1/a", [memoryview(b"abc")])
    for piece in (Piece("1/b", 0, 1), Piece("1/a", 2, 2)):
        with pytest.raises(FileNotFoundError):
            spool.read([piece])


def test_folders_before_the_oldest_open_upload_go_and_so_does_a_try_that_died(spool: Spool, tmp_path: Path) -> None:
    for batch in range(6):
        spool.write(name_file(batch), [memoryview(b"x")])
    (tmp_path / "spool" / "not ours").mkdir()
    spool.forget(oldest=2, begun=5)
    assert {path.name for path in (tmp_path / "spool").iterdir()} == {"2", "3", "4", "not ours"}
    spool.forget(oldest=6, begun=6)
    assert {path.name for path in (tmp_path / "spool").iterdir()} == {"not ours"}


def take_in(spool: Spool, records: list[bytes], rejected_bytes: int = 10) -> pa.RecordBatch:
    rows = [
        {"partition_key": "a/b", "upload_id": "u", "data": data, "stream": "s", "sequence_number": "1", "arrived_us": 5}
        for data in records
    ]
    whole = pa.RecordBatch.from_pylist([{**rows[0], "data": b"not of this batch"}, *rows])
    (taken,) = Intake(spool, lambda: 7, DEFAULT_LIMITS, rejected_bytes)([whole.slice(1), whole.slice(0, 0)])
    return taken


def test_the_intake_tells_where_a_records_bytes_lie_and_what_it_says(spool: Spool) -> None:
    chunks = make_chunks(DATA, 500)
    records = [encode_v1(chunk) for chunk in chunks]
    taken = take_in(spool, records)
    assert set(taken.column("head").to_pylist()) == {None}
    assert set(taken.column("arrived_us").to_pylist()) == {5}
    for text, chunk, record in zip(taken.column("content").to_pylist(), chunks, records, strict=True):
        content = read_content(text)
        assert isinstance(content, SpooledChunk)
        assert spool.read([content.payload, content.record]) == [chunk.payload, record]
        assert content.record.start < content.payload.start < content.record.start + content.record.length
        assert (content.index, content.count, content.digest) == (chunk.index, 3, digest_payload(chunk.payload))
        assert (content.upload_id, content.payload.batch) == (UPLOAD_ID, 7)
        assert (content.track_bytes, content.track_sha256) == (chunk.track_bytes, chunk.track_sha256)


def test_a_legacy_record_and_its_payload_both_lie_in_the_spool(spool: Spool) -> None:
    records = make_legacy_slices(DATA, 100)
    contents = [read_content(text) for text in take_in(spool, records).column("content").to_pylist()]
    pieces = [content.payload for content in contents if isinstance(content, SpooledChunk)]
    assert make_legacy_slices(DATA, sum(piece.length for piece in pieces))[0]  # they are the whole stream
    assert b"".join(spool.read(pieces))[:2] == b"\x1f\x8b"
    assert spool.read([content.record for content in contents if isinstance(content, SpooledChunk)]) == records


def test_an_unusable_record_keeps_its_beginning_and_its_digest(spool: Spool) -> None:
    (good,) = (encode_v1(chunk) for chunk in make_chunks(DATA, 10_000))
    taken = take_in(spool, [b"", b"neither format at all", good])
    assert taken.column("head").to_pylist() == [b"", b"neither fo", None]
    contents = [read_content(text) for text in taken.column("content").to_pylist()]
    assert isinstance(contents[1], Unusable)
    assert (contents[1].reason, contents[1].data_length) == ("wire.unknown_format", 21)
    assert isinstance(contents[2], SpooledChunk)
    assert spool.read([contents[2].payload]) == [DATA]


def test_a_payload_behind_too_many_fields_is_kept_apart(spool: Spool) -> None:
    record = encode_v1(make_chunks(DATA, 10_000)[0])
    cut = len(HEADER) + 18  # behind the upload id
    stuffed = record[:cut] + b"\xa0\x06\x01" * MOST_FIELDS + record[cut:]
    (text,) = take_in(spool, [stuffed]).column("content").to_pylist()
    content = read_content(text)
    assert isinstance(content, SpooledChunk)
    assert content.payload.start >= len(stuffed)
    assert spool.read([content.payload, content.record]) == [DATA, stuffed]


def test_a_recipe_names_each_file_once() -> None:
    pieces = tuple(Piece(f"1/{'abcdefgh' * 2}", start, 9) for start in range(0, 1_000, 10))
    recipe = Recipe(pieces, "v1", "NONE", 900, "00")
    assert Recipe.from_text(recipe.to_text()) == recipe
    assert len(json.loads(recipe.to_text())[0]) == 1
    assert len(recipe.to_text()) < 100 * 12 + 100
