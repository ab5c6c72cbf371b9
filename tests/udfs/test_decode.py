"""Tracks become samples: exact ones where the codec is exact, within the limits, or a code that says why not."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
import soundfile as sf
from audio_files import EVERY_FORMAT, PAYLOAD, RATE, by_ffmpeg, by_soundfile, id3, id3_frame, jpeg, png, sound, wave
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from udfs.decode import DecodeLimits, decode
from udfs.errors import TrackError
from udfs.samples import SampleStore
from udfs.track import Encoding, Track

CODES = {
    "decode.not_audio",
    "decode.no_sound",
    "decode.channels",
    "decode.sample_rate",
    "decode.too_long",
    "decode.bomb",
}


def code_of(track: Track, limits: DecodeLimits = DecodeLimits()) -> str:  # noqa: B008 - frozen
    with pytest.raises(TrackError) as error:
        decode(track, limits)
    return error.value.code


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_every_format_gives_its_sound(name):
    decoded = decode(Track(EVERY_FORMAT[name]()))
    assert decoded.samples.dtype == np.float32
    assert decoded.samples.shape[1] == decoded.facts.channels == (1 if name == "amr" else 2)
    assert decoded.facts.duration_ms == pytest.approx(500, abs=60)
    assert decoded.sample_rate in (8000, 44100, 48000)
    reference = np.std(sound())
    assert np.std(decoded.samples) == pytest.approx(reference, rel=0.3)


@pytest.mark.parametrize(
    ("name", "container", "codec", "bits"),
    [
        ("wav", "wav", "pcm_s16", 16), ("wav 24", "wav", "pcm_s24", 24), ("wav float", "wav", "pcm_f32", 32),
        ("wav ulaw", "wav", "ulaw", 16), ("rf64", "rf64", "pcm_s16", 16), ("aiff", "aiff", "pcm_s16", 16),
        ("flac", "flac", "flac", 16), ("flac 24", "flac", "flac", 24), ("vorbis", "ogg", "vorbis", None),
        ("opus", "ogg", "opus", None), ("mp3", "mp3", "mp3", None), ("m4a", "mp4", "aac", None),
        ("mp4 with video", "mp4", "aac", None), ("adts", "adts", "aac", None), ("ts", "mpegts", "aac", None),
    ],
)  # fmt: skip
def test_facts_name_container_and_codec(name, container, codec, bits):
    facts = decode(Track(EVERY_FORMAT[name]())).facts
    assert (facts.container, facts.codec, facts.bits_per_sample) == (container, codec, bits)


@pytest.mark.parametrize(
    ("container", "subtype", "bits"),
    [("WAV", "PCM_U8", 8), ("AIFF", "PCM_S8", 8), ("WAV", "PCM_16", 16), ("AIFF", "PCM_16", 16), ("FLAC", "PCM_16", 16),
     ("WAV", "PCM_24", 24), ("FLAC", "PCM_24", 24), ("AIFF", "PCM_24", 24), ("WAV", "PCM_32", 32)],
)  # fmt: skip
def test_integer_samples_are_exact(container, subtype, bits):
    values = np.random.default_rng(0).integers(-(1 << bits - 1), 1 << bits - 1, (5000, 2)).astype(np.int32)
    file = io.BytesIO()
    sf.write(file, values << 32 - bits, RATE, format=container, subtype=subtype)
    decoded = decode(Track(file.getvalue()))
    assert np.array_equal(decoded.pcm, values)
    assert np.allclose(decoded.samples, values / 2.0 ** (bits - 1), atol=1e-7)


def test_alac_samples_are_exact():
    decoded = decode(Track(by_ffmpeg("ipod", "alac")))
    assert decoded.pcm is not None
    assert decoded.facts.bits_per_sample in (16, 24)
    assert np.allclose(decoded.samples, decoded.pcm / 2.0 ** (decoded.facts.bits_per_sample - 1), atol=1e-7)
    assert np.abs(decoded.samples).max() == pytest.approx(np.abs(sound()).max(), rel=0.01)


def test_lossy_and_float_files_have_no_exact_integers():
    for name in ("vorbis", "mp3", "m4a", "wav float"):
        assert decode(Track(EVERY_FORMAT[name]())).pcm is None


def test_floats_beyond_one_are_kept():
    text = np.array([[ord(character)] for character in "A payload, as text."], np.float64)
    for subtype in ("FLOAT", "DOUBLE"):
        file = io.BytesIO()
        sf.write(file, text, RATE, format="WAV", subtype=subtype)
        assert np.array_equal(decode(Track(file.getvalue())).samples, text)
    assert np.array_equal(decode(Track.from_samples(text, RATE)).samples, text)


@pytest.mark.parametrize("channels", [1, 2, 6, 64])
def test_samples_come_as_they_are(channels):
    values = np.random.default_rng(0).standard_normal((1000, channels)).astype(np.float32)
    decoded = decode(Track.from_samples(values, 384_000))
    assert np.array_equal(decoded.samples, values)
    assert decoded.sample_rate == 384_000
    assert decoded.facts.container == "raw"
    assert np.allclose(decoded.mono(), values.mean(axis=1), atol=1e-6)


def test_what_is_not_finite_is_told_and_becomes_zero():
    values = np.array([0.5, np.nan, np.inf, -np.inf, 0.25], np.float32)
    decoded = decode(Track.from_samples(values, RATE))
    assert np.array_equal(decoded.samples[:, 0], [0.5, 0, 0, 0, 0.25])
    assert dict(decoded.problems)["decode.not_finite"].startswith("3 of 5")


def test_samples_that_are_no_whole_frames():
    assert code_of(Track(bytes(4 * 2 * 10 + 3), Encoding.F32LE, RATE, 2)) == "decode.ragged_samples"


@pytest.mark.parametrize(
    "data", [b"", b"text " * 500, b"\x7fELF\2\1\1" + PAYLOAD, png(), jpeg(), PAYLOAD, b"%PDF-1.4" + PAYLOAD]
)
def test_what_is_no_audio(data):
    assert code_of(Track(data)) == "decode.not_audio"


def test_playlists_and_scripts_are_never_followed(tmp_path):
    (tmp_path / "a.wav").write_bytes(by_soundfile("WAV", "PCM_16"))
    for playlist in (f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/a.wav\n", f"ffconcat version 1.0\nfile '{tmp_path}/a.wav'\n"):
        assert code_of(Track(playlist.encode())) == "decode.not_audio"


def test_files_without_a_frame():
    file = io.BytesIO()
    sf.write(file, np.empty((0, 2)), RATE, format="WAV", subtype="PCM_16")
    assert code_of(Track(file.getvalue())) == "decode.no_sound"
    assert code_of(Track(b"", Encoding.F32LE, RATE, 2)) == "decode.no_sound"


def test_a_video_without_sound():
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    assert code_of(Track(file.getvalue())) == "decode.not_audio"


LIMITS = [
    (DecodeLimits(max_seconds=0.3), "decode.too_long"),
    (DecodeLimits(max_decoded_bytes=100_000), "decode.bomb"),
    (DecodeLimits(max_channels=1), "decode.channels"),
    (DecodeLimits(max_sample_rate=8000), "decode.sample_rate"),
    (DecodeLimits(deadline_seconds=0), "error.decode_deadline"),
]


@pytest.mark.parametrize(("limits", "code"), LIMITS)
@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "m4a"])
def test_limits_hold_for_every_decoder(name, limits, code):
    assert code_of(Track(EVERY_FORMAT[name]()), limits) == code


@pytest.mark.parametrize(("limits", "code"), LIMITS)
def test_limits_hold_for_samples(limits, code):
    assert code_of(Track.from_samples(sound().astype(np.float32), RATE), limits) == code


def test_a_bomb_is_stopped_midway():
    file = io.BytesIO()
    with sf.SoundFile(file, "w", 48000, 8, "PCM_16", format="FLAC") as output:
        for _ in range(60):
            output.write(np.zeros((48000, 8), np.int16))
    bomb = Track(file.getvalue())
    assert len(bomb.data) < 300_000
    tracemalloc.start()
    assert code_of(bomb, DecodeLimits(max_decoded_bytes=8 << 20)) == "decode.bomb"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20  # the whole would be 92 MB


def test_long_tracks_lie_in_a_file(monkeypatch):
    monkeypatch.setattr(SampleStore.__init__, "__defaults__", (1 << 20,))
    values = np.random.default_rng(0).integers(-30000, 30000, (400_000, 2)).astype(np.int16)
    file = io.BytesIO()
    sf.write(file, values, RATE, format="WAV", subtype="PCM_16")
    decoded = decode(Track(file.getvalue()))
    assert isinstance(decoded.samples, np.memmap)
    assert isinstance(decoded.pcm, np.memmap)
    assert np.array_equal(decoded.pcm, values)
    assert np.array_equal(decoded.samples, values.astype(np.float32) / 32768)
    assert decoded.mono().shape == (400_000,)


@pytest.mark.parametrize("name", ["wav", "aiff", "flac", "vorbis", "opus", "mp3", "adts", "ts", "fragmented mp4"])
def test_a_download_cut_short_gives_what_is_there(name):
    data = EVERY_FORMAT[name]()
    decoded = decode(Track(data[: int(len(data) * 0.8)]))
    assert decoded.facts.duration_ms > 100


def test_an_mp3_that_starts_mid_frame():
    assert decode(Track(EVERY_FORMAT["mp3"]()[700:])).facts.duration_ms > 300


def test_a_piped_wave_has_all_its_samples():
    whole, piped = decode(Track(wave())), decode(Track(wave(data_size=0xFFFFFFFF)))
    assert np.array_equal(whole.pcm, piped.pcm)


def test_an_mp3_behind_a_tag():
    assert decode(Track(id3(id3_frame(b"TIT2", b"\0x")) + EVERY_FORMAT["mp3"]())).facts.codec == "mp3"


def test_a_stream_that_begins_late_does_not_end_the_sound():
    data = by_ffmpeg("flv", "libmp3lame", seconds=8)
    data = data[:4] + b"\4" + data[5:]  # the header announces no picture
    body = b"\x12" + bytes(100)
    picture = b"\x09" + len(body).to_bytes(3, "big") + bytes(7) + body + (11 + len(body)).to_bytes(4, "big")
    at = 13
    while at < len(data) * 0.9:
        at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    whole, late = decode(Track(data)), decode(Track(data[:at] + picture + data[at:]))
    assert np.array_equal(whole.samples, late.samples)
    assert late.problems == ()


@given(st.sampled_from(sorted(EVERY_FORMAT)), st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damage_gives_samples_or_a_code(name, data):
    content = bytearray(EVERY_FORMAT[name]())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + 8] = data.draw(st.binary(max_size=8))
    try:
        decoded = decode(Track(bytes(content)), DecodeLimits(deadline_seconds=20))
    except TrackError as error:
        assert error.code in CODES  # noqa: PT017 - either is right
    else:
        assert np.isfinite(decoded.samples).all()
        assert len(decoded.samples) > 0
