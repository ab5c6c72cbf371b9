"""Track or file -> records: every byte goes out once, in order, within the chunk size."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.chunk import Chunk, Compression, Format
from streaming.inflate import inflate_member
from streaming.partition_key import join_key, printable, split_key
from streaming.producer import (
    FileChangedError,
    Header,
    Record,
    batches,
    encode_pieces,
    file_records,
    interleave,
    legacy_records,
    new_upload_id,
    track_records,
)
from streaming.wire import parse
from streaming.wire_legacy import SLICE_BYTES
from udfs.track import Encoding, Track

KEY = "alice/song"


def chunks_of(records: Iterator[Record]) -> list[Chunk]:
    parsed = [parse(record.data, record.partition_key) for record in records]
    assert all(isinstance(chunk, Chunk) for chunk in parsed), parsed
    return parsed  # type: ignore[return-value]


@given(st.binary(min_size=1, max_size=500), st.integers(1, 120), st.sampled_from(Compression))
def test_the_chunks_join_to_the_track(data: bytes, chunk_bytes: int, compression: Compression):
    upload_id = new_upload_id()
    chunks = chunks_of(track_records(Track(data), KEY, upload_id, chunk_bytes, compression))
    slices = [
        inflate_member(chunk.payload, chunk_bytes) if compression is Compression.GZIP else chunk.payload
        for chunk in chunks
    ]
    assert b"".join(slices) == data
    assert [len(piece) for piece in slices[:-1]] == [chunk_bytes] * (len(chunks) - 1)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert {chunk.count for chunk in chunks} == {len(chunks)}
    assert {chunk.upload_id for chunk in chunks} == {upload_id}
    assert [chunk.track_sha256 for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert (chunks[-1].track_bytes, chunks[-1].track_sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_file_is_cut_like_the_track_of_its_bytes(tmp_path: Path):
    path = tmp_path / "song"
    path.write_bytes(bytes(range(256)) * 10)
    upload_id = str(uuid.UUID(int=5))
    from_track = list(track_records(Track.from_file(path), KEY, upload_id, 1_000))
    assert list(file_records(path, Header(upload_id, KEY), 1_000)) == from_track
    assert len(from_track) == 3


def test_samples_carry_their_rate_and_channels():
    track = Track.from_samples(np.zeros((100, 2), np.float32), 48_000)
    (chunk,) = chunks_of(track_records(track, KEY, new_upload_id()))
    assert (chunk.encoding, chunk.sample_rate, chunk.channels) == (Encoding.F32LE, 48_000, 2)


def test_an_empty_track_is_refused_at_once(tmp_path: Path):
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(ValueError, match="empty"):
        track_records(Track(b""), KEY, new_upload_id())
    with pytest.raises(ValueError, match="empty"):
        file_records(empty, Header(new_upload_id(), KEY))


@pytest.mark.parametrize("pieces", [[b"abc", b"de"], [b"abc", b"defg"], [b"abc"], [b"abc", b"def", b"g"]])
def test_a_file_that_changes_while_it_is_read_gets_no_last_chunk(pieces: list[bytes]):
    sent = []
    with pytest.raises(FileChangedError):
        sent.extend(encode_pieces(pieces, 6, 3, Header(new_upload_id(), KEY)))
    assert all(chunk.track_sha256 is None for chunk in chunks_of(iter(sent)))


def test_legacy_records_are_slices_of_one_stream():
    samples = np.random.default_rng(1).standard_normal(200_000).astype(np.float32)
    records = list(legacy_records(Track.from_samples(samples, 22_050, "old"), KEY))
    chunks = chunks_of(iter(records))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert {len(chunk.payload) for chunk in chunks[:-1]} == {SLICE_BYTES}
    assert 0 < len(chunks[-1].payload) <= SLICE_BYTES
    assert {(chunk.format, chunk.name, chunk.sample_rate) for chunk in chunks} == {(Format.LEGACY, "old", 22_050)}
    assert list(json.loads(records[1].data)) == ["1"]


@pytest.mark.parametrize(
    "track", [Track(b"file"), Track.from_samples(np.zeros((4, 2)), 8_000), Track.from_samples(np.zeros(0), 8_000)]
)
def test_the_legacy_format_cannot_say_files_stereo_or_nothing(track: Track):
    with pytest.raises(ValueError, match="legacy"):
        legacy_records(track, KEY)


def test_uploads_are_interleaved_each_in_its_own_order_and_opened_only_when_needed():
    opened = []

    def upload(name: str, length: int) -> Iterator[Record]:
        opened.append(name)
        for index in range(length):
            yield Record(name, str(index).encode())

    mixed = interleave((upload(name, length) for name, length in [("a", 3), ("b", 1), ("c", 2), ("d", 0)]), width=2)
    first = next(mixed)
    assert opened == ["a"]
    order = [first, *mixed]
    assert [f"{record.partition_key}{record.data.decode()}" for record in order] == ["a0", "b0", "a1", "a2", "c0", "c1"]


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(1, 5), st.integers(1, 100))
def test_batches_keep_order_and_both_bounds(sizes: list[int], max_records: int, max_bytes: int):
    records = [Record("k", bytes(size)) for size in sizes]
    made = list(batches(records, max_records, max_bytes))
    assert [record for batch in made for record in batch] == records
    for batch in made:
        assert 1 <= len(batch) <= max_records
        assert len(batch) == 1 or sum(record.size for record in batch) <= max_bytes


def test_a_records_size_counts_the_key_in_bytes():
    assert Record("käy", b"12").size == 6


@given(st.text(st.characters(exclude_characters="/"), min_size=1, max_size=254), st.text(max_size=300))
def test_a_key_is_split_into_what_it_was_joined_from(user: str, name: str):
    key = join_key(user, name)
    assert 0 < len(key) <= 256
    back_user, back_name = split_key(key)
    assert back_user == user
    assert name.endswith(back_name)
    assert back_name == name or len(key) == 256


@pytest.mark.parametrize("user", ["", "a/b", "u" * 255])
def test_a_user_id_that_would_break_the_key_is_refused(user: str):
    with pytest.raises(ValueError, match="user id"):
        join_key(user, "name")


def test_a_key_without_a_slash_is_all_name():
    assert split_key("song") == ("", "song")


def test_printable_leaves_nothing_that_a_terminal_acts_on():
    assert printable("a\x1b[31m\n\u202eb\ud800ü") == "a\\x1b[31m\\n\\u202eb\\ud800ü"
