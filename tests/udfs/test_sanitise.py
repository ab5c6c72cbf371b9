"""A safe copy keeps the sound and loses everything that could travel beside or beneath it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf
from audio_files import (
    EVERY_FORMAT,
    PAYLOAD,
    RATE,
    ape,
    apic,
    chunk,
    flac,
    id3,
    id3_frame,
    jpeg,
    sound,
    vorbis_comments,
    wave,
)

from udfs.container import SpanKind, walk
from udfs.decode import decode
from udfs.sanitise import extension_for, write_safe_copy
from udfs.track import Track


def safe_copy(data: bytes) -> bytes:
    file = io.BytesIO()
    write_safe_copy(decode(Track(data)), file)
    return file.getvalue()


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_the_sound_is_kept(name):
    before, after = decode(Track(EVERY_FORMAT[name]())), decode(Track(safe_copy(EVERY_FORMAT[name]())))
    assert after.facts.codec == "flac"
    assert (after.samples.shape, after.sample_rate) == (before.samples.shape, before.sample_rate)
    noise = np.std(after.samples - before.samples)
    assert noise < (0.02 if name == "wav ulaw" else 0.0005)


WITH_PAYLOAD = {
    "behind a WAVE": lambda: wave(behind=PAYLOAD),
    "in a chunk": lambda: wave(chunk(b"evil", PAYLOAD)),
    "behind an MP3": lambda: EVERY_FORMAT["mp3"]() + PAYLOAD,
    "in a private frame": lambda: (
        id3(id3_frame(b"PRIV", b"x\0" + PAYLOAD), apic(jpeg() + PAYLOAD)) + EVERY_FORMAT["mp3"]()
    ),
    "in an APE tag": lambda: EVERY_FORMAT["mp3"]() + ape((b"Data", PAYLOAD, 2)),
    "in FLAC metadata": lambda: flac((2, b"evil" + PAYLOAD), (1, PAYLOAD), (4, vorbis_comments(b"TITLE=A title"))),
}


@pytest.mark.parametrize("name", WITH_PAYLOAD)
def test_nothing_beside_the_sound_is_kept(name):
    copy = safe_copy(WITH_PAYLOAD[name]())
    assert PAYLOAD[:64] not in copy
    report = walk(copy)
    assert report.lies == ()
    assert not report.of_kind(SpanKind.UNEXPLAINED)
    assert not report.of_kind(SpanKind.PICTURE)


def test_known_tags_are_kept():
    decoded = decode(Track(safe_copy(WITH_PAYLOAD["in FLAC metadata"]())))
    assert decoded.tags == {"title": "A title"}


def low_bits(values: np.ndarray, count: int) -> np.ndarray:
    return np.unpackbits((values & (1 << count) - 1).astype(np.uint8).reshape(-1, 1), axis=1)[:, -count:]


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("bits", [16, 24])
def test_low_bits_do_not_survive(count, bits):
    randomness = np.random.default_rng(11)
    cover = (sound(2.0) * 0.5 * (1 << bits - 1)).astype(np.int32)
    hidden = randomness.integers(0, 1 << count, cover.shape).astype(np.int32)
    carrier = (cover & ~((1 << count) - 1)) | hidden
    file = io.BytesIO()
    sf.write(file, carrier << 32 - bits, RATE, format="WAV", subtype=f"PCM_{bits}")
    after = decode(Track(safe_copy(file.getvalue()))).pcm.astype(np.int64) << bits - 16
    assert not np.array_equal(low_bits(carrier, count), low_bits(after, count))
    wrong = np.mean(low_bits(after, count) != low_bits(carrier, count))
    assert 0.45 < wrong < 0.55
    # Nor can they be told by rounding, from the difference to a cover that the receiver knows.
    guess = np.clip(after - (cover & ~((1 << count) - 1)), 0, (1 << count) - 1)
    right = np.mean(guess == hidden)
    assert right < 1 / (1 << count) + 0.17


def test_a_24_bit_file_that_holds_16_bits_loses_its_low_bits_too():
    randomness = np.random.default_rng(12)
    cover = (sound(1.0) * 10000).astype(np.int32) & ~3
    hidden = randomness.integers(0, 4, cover.shape).astype(np.int32)
    file = io.BytesIO()
    sf.write(file, (cover | hidden) << 16, RATE, format="WAV", subtype="PCM_24")
    after = decode(Track(safe_copy(file.getvalue()))).pcm.astype(np.int64)
    assert 0.4 < np.mean(low_bits(after, 2) != low_bits(hidden, 2)) < 0.6


def test_two_copies_differ():
    assert safe_copy(wave()) != safe_copy(wave())


def test_what_is_too_loud_is_turned_down_not_clipped():
    file = io.BytesIO()
    sf.write(file, sound() * 50, RATE, format="WAV", subtype="FLOAT")
    after = decode(Track(safe_copy(file.getvalue()))).samples
    assert np.corrcoef(after[:, 0], sound()[:, 0])[0, 1] > 0.999


def test_many_channels_make_a_wave():
    decoded = decode(Track.from_samples(np.zeros((100, 12), np.float32) + 0.1, RATE))
    assert extension_for(decoded) == "wav"
    file = io.BytesIO()
    write_safe_copy(decoded, file)
    assert decode(Track(file.getvalue())).facts.channels == 12
