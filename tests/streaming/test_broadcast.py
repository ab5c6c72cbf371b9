"""A broadcast's chunks become sound and plays: segments, samples and slices of an endless stream alike."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr
from job_rig import RATE, make_sound, upload_id

from streaming.chunk import Chunk, Compression, Format
from streaming.listen.broadcast import Broadcast, Result
from streaming.listen.plays import Heard
from streaming.listen.slices import Rest
from streaming.listen.sound import cut_slice
from streaming.listen.windows import HOP_MS, WINDOW_MS, Sound, Windows
from udfs.container import mpeg_audio
from udfs.decode import decode
from udfs.findings import Match
from udfs.spectrum import RATE as HEARD_RATE
from udfs.track import Encoding

SONG = make_sound(7, 20)
PAUSE = 0.2 * make_sound(8, 10)


def identify(mono: Sound) -> list[Match]:
    """Find the song by its level: it is the louder sound; where in itself it is, nobody asks here."""
    level = np.abs(mono[: len(mono) // 1000 * 1000].reshape(-1, 1000)).max(axis=1) > 0.5
    where = np.flatnonzero(level)
    if len(where) * 1000 < 3 * HEARD_RATE:
        return []
    first, last = (int(one) * 1000 * 1000 // HEARD_RATE for one in (where[0], where[-1] + 1))
    return [Match("song", 0.9, first, 0, last - first)]


def chunk(index: int, payload: bytes, **more: object) -> Chunk:
    one = Chunk(upload_id(1), Format.V1, index, 0, Encoding.FILE, None, None, Compression.NONE, payload, 0)
    return replace(one, crc32=zlib.crc32(payload), **more)  # type: ignore[arg-type]


def write(sound: np.ndarray, kind: str, subtype: str) -> bytes:
    buffer, rate = io.BytesIO(), 48_000 if subtype == "OPUS" else RATE
    soundfile.write(buffer, soxr.resample(sound, RATE, rate), rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def samples(sound: np.ndarray, seconds: float = 2.0) -> list[Chunk]:
    step = int(seconds * RATE)
    pieces = [sound[at : at + step].astype("<f4").tobytes() for at in range(0, len(sound), step)]
    return [
        chunk(index, piece, encoding=Encoding.F32LE, sample_rate=RATE, channels=1) for index, piece in enumerate(pieces)
    ]


def listen(chunks: Sequence[Chunk], cuts: set[int] = frozenset()) -> tuple[Result, list[tuple[int, bytes]]]:  # type: ignore[assignment]
    """Listen to chunks one by one, writing down what is remembered before those in `cuts`; also gives the windows."""
    heard: list[tuple[int, bytes]] = []

    def note(mono: Sound) -> list[Match]:
        heard.append((len(mono), mono.tobytes()))
        return identify(mono)

    broadcast, result = Broadcast("channel", decode, note), Result()
    for number, one in enumerate(chunks):
        if number in cuts:
            broadcast = Broadcast("channel", decode, note, broadcast.to_text())
        part = broadcast.take([(one, 1_000_000 * number)])
        result.add(part.heard)
        result.faults += part.faults
    result.add(broadcast.fall_silent().heard)
    return result, heard


def test_it_makes_no_difference_where_a_batch_ends() -> None:
    chunks = samples(np.concatenate([PAUSE, SONG, PAUSE]))
    whole, windows = listen(chunks)
    split, again = listen(chunks, set(range(len(chunks))))
    assert (split, again) == (whole, windows)
    assert len(windows) == (40_000 - WINDOW_MS) // HOP_MS + 2


def test_chunks_out_of_order_and_twice_are_heard_once_in_order() -> None:
    chunks = samples(np.concatenate([PAUSE, SONG]))
    shuffled = [chunks[1], chunks[0], *chunks[2:6][::-1], *chunks[4:8], *chunks[6:]]
    assert listen(shuffled, {1, 3, 5})[0] == listen(chunks)[0]


def test_segments_that_are_small_files_join_without_a_seam() -> None:
    sound = np.concatenate([PAUSE, SONG])
    segments = [sound[at : at + 6 * RATE] for at in range(0, len(sound), 6 * RATE)]
    for kind, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")):
        chunks = [chunk(index, write(one, kind, subtype)) for index, one in enumerate(segments)]
        lengths = [length for length, _ in listen(chunks)[1]]
        assert lengths == [length for length, _ in listen(samples(sound))[1]], kind


@pytest.mark.parametrize("size", [4_000, 9_999])
def test_an_endless_mp3_cut_anywhere_loses_no_time(size: int) -> None:
    sound = np.concatenate([PAUSE, SONG, PAUSE])
    stream = write(sound, "MP3", "MPEG_LAYER_III")
    stream = stream[mpeg_audio.FRAMES.length(stream, 0) :]  # a live encoder cannot know how many frames there will be
    heard = decode_all([stream[at : at + size] for at in range(0, len(stream), size)])
    frame = 1152 * HEARD_RATE // RATE
    assert abs(len(heard) - len(sound) * HEARD_RATE // RATE) <= 4 * frame, "the encoder's delay and padding"
    whole = decode_all([stream])
    assert len(heard) == pytest.approx(len(whole), abs=1), "no drift"
    both = min(len(heard), len(whole))
    error = np.sqrt(np.mean((heard[:both] - whole[:both]) ** 2))
    assert error < 0.02 * np.sqrt(np.mean(whole**2)), "no sound is lost, and all is where it was"


ENDLESS = {
    "WAV": ("WAV", "PCM_16", lambda file: file[:4] + b"\xff" * 4 + file[8:40] + b"\xff" * 4 + file[44:]),
    "FLAC": ("FLAC", "PCM_16", lambda file: file[:21] + bytes([file[21] & 0xF0]) + bytes(4) + file[26:]),  # no length
    "Vorbis": ("OGG", "VORBIS", bytes),
    "Opus": ("OGG", "OPUS", bytes),
}


@pytest.mark.parametrize(
    ("name", "size"),
    [("WAV", 50_001), ("FLAC", 9_999), ("FLAC", 50_001), ("Vorbis", 9_999), ("Opus", 3_001), ("Opus", 50_001)],
)
def test_an_endless_stream_whose_header_comes_once_loses_no_time(name: str, size: int) -> None:
    kind, subtype, make_endless = ENDLESS[name]
    sound = np.concatenate([PAUSE, SONG, PAUSE])[: 25 * RATE]
    file = write(sound, kind, subtype)
    stream = make_endless(file)
    heard = decode_all([stream[at : at + size] for at in range(0, len(stream), size)])
    whole = decode_all([file])
    assert len(heard) == pytest.approx(len(whole), abs=2), "no drift"
    smooth_heard, smooth = smoothed(heard), smoothed(whole)
    both = min(len(smooth_heard), len(smooth))
    error = np.sqrt(np.mean((smooth_heard[:both] - smooth[:both]) ** 2))
    assert error < 0.15 * np.sqrt(np.mean(smooth**2)), "no sound is lost, and all is where it was"


def smoothed(mono: Sound) -> Sound:
    """Take away what half a sample's shift changes: a slice may begin anywhere between two samples of what is heard."""
    return np.convolve(mono, np.convolve(np.ones(16, np.float32), np.ones(16, np.float32)) / 256, "valid")


@pytest.mark.parametrize("name", list(ENDLESS))
def test_behind_a_gap_an_endless_stream_is_heard_on(name: str) -> None:
    kind, subtype, make_endless = ENDLESS[name]
    stream = make_endless(write(np.concatenate([PAUSE, SONG]), kind, subtype))
    step = len(stream) // 10
    chunks = [chunk(index, stream[at : at + step]) for index, at in enumerate(range(0, len(stream), step))]
    windows: dict[bool, list[Sound]] = {True: [], False: []}
    for is_whole, heard in windows.items():
        broadcast = Broadcast("channel", decode, lambda mono, heard=heard: heard.append(mono) or [])  # type: ignore[misc]
        results = [broadcast.take((one, 0) for one in chunks if is_whole or one.index != 2)]
        broadcast = Broadcast("channel", decode, broadcast._identify, broadcast.to_text())
        results += [broadcast.give_up_waiting(), broadcast.fall_silent()]
        assert not any(result.faults for result in results)
    whole, gapped = (np.concatenate(heard[-2:]) for heard in (windows[True], windows[False]))
    ahead, behind = whole[-5 * HEARD_RATE :], gapped[-5 * HEARD_RATE :]
    inner = smoothed(ahead)[500:-500]
    assert np.abs(np.correlate(smoothed(behind), inner, "valid")).max() > 0.98 * float(np.dot(inner, inner))


def test_chained_streams_of_web_radio_are_followed_from_one_to_the_next() -> None:
    links = [write(PAUSE, "OGG", "VORBIS"), write(SONG, "OGG", "OPUS"), write(PAUSE, "OGG", "VORBIS")]
    stream = b"".join(links)
    heard = decode_all([stream[at : at + 7_000] for at in range(0, len(stream), 7_000)])
    whole = np.concatenate([decode_all([link]) for link in links])
    assert len(heard) == pytest.approx(len(whole), abs=3)
    both = min(len(heard), len(whole)) - 30
    assert np.corrcoef(smoothed(heard)[:both], smoothed(whole)[:both])[0, 1] > 0.99


def decode_all(pieces: list[bytes]) -> Sound:
    heard: list[Sound] = []

    class Ear(Windows):
        def feed(self, mono: Sound):  # type: ignore[no-untyped-def]
            heard.append(mono)
            return iter(())

    broadcast = Broadcast("channel", decode, identify)
    broadcast._windows = Ear()
    result = broadcast.take((chunk(index, piece), 0) for index, piece in enumerate(pieces))
    assert not result.faults
    return np.concatenate(heard)


def test_what_is_no_chain_of_frames_is_not_cut() -> None:
    for data in (b"", b"RIFF" + bytes(5000), write(SONG[: 3 * RATE], "FLAC", "PCM_16"), write(SONG, "WAV", "PCM_16")):
        assert cut_slice(data, Rest()) is None


def test_a_chunk_without_sound_is_told_and_its_time_passes() -> None:
    chunks = samples(np.concatenate([PAUSE, SONG]))
    chunks[5] = chunk(5, b"no sound at all")
    result, windows = listen(chunks)
    assert [(fault.index, fault.code) for fault in result.faults] == [(5, "decode.not_audio")]
    broadcast = Broadcast("channel", decode, identify)
    broadcast.take((one, 0) for one in chunks)
    assert broadcast._windows.end_ms == pytest.approx(30_000, abs=5)
    assert sum(length for length, _ in windows) > 0


def test_a_missing_chunk_is_waited_for_and_given_up_on_demand() -> None:
    chunks = samples(np.concatenate([PAUSE, SONG]))
    broadcast = Broadcast("channel", decode, identify)
    broadcast.take((one, 0) for one in chunks if one.index != 3)
    assert broadcast._windows.end_ms == pytest.approx(6_000, abs=2)
    broadcast.give_up_waiting()
    assert broadcast._windows.end_ms == pytest.approx(30_000, abs=5)


def test_the_last_chunk_ends_what_plays() -> None:
    steady = [Match("song", 0.9, 0, 0, 11_000)]
    chunks = samples(SONG)
    last = replace(chunks[-1], count=len(chunks), track_bytes=1, track_sha256="0" * 64)
    broadcast = Broadcast("channel", decode, lambda mono: [replace(steady[0], reference_offset_ms=at_of(broadcast))])
    heard: Heard = broadcast.take((one, 7_000_000) for one in [*chunks[:-1], last]).heard
    assert [(play.reference_id, play.start_ms) for play in heard.plays] == [("song", 0)]
    assert broadcast.began_us == 5_000_000


def at_of(broadcast: Broadcast) -> int:
    return broadcast._windows.start * 1000 // HEARD_RATE


def test_windows_overlap_by_a_half_and_a_gap_begins_anew() -> None:
    windows = Windows()
    sound = np.arange(31 * HEARD_RATE, dtype=np.float32) / 1e6
    given = [one for part in np.array_split(sound, 7) for one in windows.feed(part)]
    starts = [start for start, _ in given]
    assert all(later - start == HOP_MS for start, later in pairwise(starts))
    assert all(np.array_equal(mono, sound[start * HEARD_RATE // 1000 :][: len(mono)]) for start, mono in given)
    (tail,) = windows.skip(10_000)
    assert (tail[0], windows.start // HEARD_RATE) == (24_000, 41)
    assert list(windows.flush()) == []
