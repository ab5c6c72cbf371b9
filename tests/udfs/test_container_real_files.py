"""Genuine files, odd ones included, are explained to the last byte."""

from __future__ import annotations

import base64
import io
import struct

import av
import numpy as np
import pytest
import soundfile as sf
from audio_files import (
    EVERY_FORMAT,
    ape,
    apic,
    box,
    by_ffmpeg,
    by_soundfile,
    chunk,
    flac,
    id3,
    id3_frame,
    image,
    jpeg,
    ogg_in_a_wave,
    ogg_with_comments,
    picture_block,
    picture_comment,
    png,
    sound,
    vorbis_comments,
    wave,
)

from udfs.container import SpanKind, walk

HARMLESS = {"container.truncated", "container.starts_mid_frame"}
MP3 = EVERY_FORMAT["mp3"]
TITLE = id3_frame(b"TIT2", b"\0A title")
XMP = b"<?xpacket begin='' id='W5M0'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><a>b</a></x:xmpmeta>" + b" " * 2000


def assert_explained(data: bytes, container: str | None = None) -> None:
    report = walk(data)
    unexplained = [(span.name, span.start, span.length) for span in report.of_kind(SpanKind.UNEXPLAINED)]
    assert report.container, "not recognised"
    assert not unexplained
    assert {code for code, _ in report.lies} <= HARMLESS
    assert report.of_kind(SpanKind.SOUND)
    assert container is None or report.container == container


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_what_encoders_write(name):
    report = walk(EVERY_FORMAT[name]())
    assert report.lies == ()
    assert_explained(EVERY_FORMAT[name]())


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("wav 24", "wav", "pcm_s24"), ("wav float", "wav", "pcm_f32"), ("wav ulaw", "wav", "ulaw"),
        ("wavex", "wav", "pcm_s16"), ("rf64", "rf64", "pcm_s16"), ("aiff", "aiff", "pcm_s16"), ("flac", "flac", "flac"),
        ("vorbis", "ogg", "vorbis"), ("opus", "ogg", "opus"), ("mp3", "mp3", "mp3"), ("m4a", "mp4", "aac"),
        ("alac", "mp4", "alac"), ("adts", "adts", "aac"), ("ts", "mpegts", "aac"), ("ac3", "ac3", "ac3"),
        ("eac3", "ac3", "eac3"), ("tta", "tta", "tta"), ("wma", "asf", "wmav2"), ("flv", "flv", "mp3"),
        ("avi", "avi", "pcm_s16"), ("avi with video", "avi", "mp3"), ("mpg", "mpegps", "mp2"), ("amr", "amr", "amr_nb"),
        ("vob with video", "mpegps", "ac3"), ("loas", "loas", "aac_latm"),
    ],
)  # fmt: skip
def test_container_and_codec_are_named(name, container, codec):
    report = walk(EVERY_FORMAT[name]())
    assert (report.container, report.codec) == (container, codec)


@pytest.mark.parametrize(
    "name",
    ["mp4 with video", "fragmented mp4", "ts with video", "wmv", "flv with video", "avi with video", "vob with video"],
)
def test_other_streams_are_known_not_payload(name):
    report = walk(EVERY_FORMAT[name]())
    assert sum(span.length for span in report.of_kind(SpanKind.OTHER_STREAM)) > 1000


@pytest.mark.parametrize("name", EVERY_FORMAT)
@pytest.mark.parametrize("share", [0.5, 0.93])
def test_downloads_cut_short(name, share):
    data = EVERY_FORMAT[name]()
    report = walk(data[: int(len(data) * share)])
    if name in ("m4a", "alac", "mp4 with video"):  # their index is at the end: nobody can tell what the rest is
        assert "container.truncated" in dict(report.lies)
        return
    assert_explained(data[: int(len(data) * share)])


WAVES = {
    "JUNK before": lambda: wave(chunk(b"JUNK", bytes(28))),
    "FLLR": lambda: wave(chunk(b"FLLR", bytes(4000))),
    "LIST": lambda: wave(chunk(b"LIST", b"INFO" + chunk(b"INAM", b"A title\0") + chunk(b"ISFT", b"Lavf58.29.100\0"))),
    "adtl": lambda: wave(chunk(b"LIST", b"adtl" + chunk(b"labl", b"\1\0\0\0verse\0"))),
    "id3 at the tail": lambda: wave(chunk(b"id3 ", id3(TITLE, apic(jpeg()), padding=bytes(100)))),
    "bext": lambda: wave(chunk(b"bext", b"A description".ljust(602, b"\0") + b"A=PCM,F=48000,W=24,M=stereo\r\n")),
    "iXML": lambda: wave(chunk(b"iXML", b"<?xml version='1.0'?><BWFXML><PROJECT>x</PROJECT></BWFXML>")),
    "XMP": lambda: wave(chunk(b"_PMX", XMP)),
    "cue and smpl": lambda: wave(chunk(b"cue ", bytes(28)), chunk(b"smpl", bytes(60)), chunk(b"fact", bytes(4))),
    "PEAK": lambda: wave(chunk(b"PEAK", struct.pack("<IIfIfI", 1, 1700000000, 0.5, 3, 0.5, 4))),
    "piped": lambda: wave(data_size=0xFFFFFFFF),
    "piped, size 0": lambda: wave(data_size=0),
    "piped, size 0, whole size right": lambda: wave(data_size=0, whole_size=True),
    "data as the last byte is odd": lambda: wave(data=b"\1\2\3"),
    "ID3v1 behind": lambda: wave(behind=b"TAG" + b"A title".ljust(125, b"\0")),
    "ID3v2 behind": lambda: wave(behind=id3(TITLE)),
    "APE behind": lambda: wave(behind=ape((b"Title", b"A title", 0))),
    "a stray byte behind": lambda: wave(behind=b"\x80"),
    "label in local code page": lambda: wave(chunk(b"LIST", b"INFO" + chunk(b"INAM", "Привет, мир".encode("cp1251")))),
}


@pytest.mark.parametrize("name", WAVES)
def test_chunks_of_real_waves(name):
    assert_explained(WAVES[name](), "wav")


def test_silence_and_8_bit_waves():
    file = io.BytesIO()
    sf.write(file, np.zeros((3000, 1)), 8000, format="WAV", subtype="PCM_U8")
    assert_explained(file.getvalue(), "wav")


def lyrics3() -> bytes:
    body = b"LYRICSBEGININD0000210LYR00031[00:01]A line of the song\r\n more"
    return body + str(len(body)).zfill(6).encode() + b"LYRICS200"


MP3S = {
    "ID3v2": lambda: id3(TITLE, id3_frame(b"COMM", b"\0engabout\0A comment")) + MP3(),
    "padding": lambda: id3(TITLE, padding=bytes(2048)) + MP3(),
    "a cover of megabytes": lambda: id3(apic(image("png", size=900))) + MP3(),
    "covers of each kind": lambda: (
        id3(
            *[
                apic(cover)
                for cover in (jpeg(), png(), image("gif", "rgb8"), image("bmp", "bgr24"), image("libwebp", "yuv420p"))
            ]
        )
        + MP3()
    ),
    "utf-16": lambda: (
        id3(id3_frame(b"TIT2", b"\1" + "Привет".encode("utf-16")), id3_frame(b"TPE1", b"\1\xff\xfe")) + MP3()
    ),
    "unsynchronised": lambda: (
        id3(id3_frame(b"TIT2", b"\1\xff\xfeA\0b\0").replace(b"\xff", b"\xff\0"), flags=0x80) + MP3()
    ),
    "lyrics": lambda: (
        id3(id3_frame(b"USLT", b"\1eng" + "\n".join(["Ein Lied, ein Reim,"] * 300).encode("utf-16"))) + MP3()
    ),
    "private frames of shops": lambda: (
        id3(
            id3_frame(b"PRIV", b"WM/MediaClassPrimaryID\0" + bytes(range(16))),
            id3_frame(b"PRIV", b"PeakValue\0" + b"\1\2\3\4"),
            id3_frame(b"PRIV", b"XMP\0" + XMP),
            id3_frame(b"MCDI", bytes(804)),
            id3_frame(b"UFID", b"http://musicbrainz.org\0" + b"0" * 36),
        )
        + MP3()
    ),
    "ID3v1": lambda: MP3() + b"TAG" + b"A title".ljust(125, b"\0"),
    "APE": lambda: MP3() + ape((b"Artist", "Größe".encode(), 0), (b"Cover Art (Front)", b"cover.jpg\0" + jpeg(), 2)),
    "APE and ID3v1": lambda: MP3() + ape((b"MP3GAIN_MINMAX", b"089,176", 0)) + b"TAG" + bytes(125),
    "Lyrics3": lambda: MP3() + lyrics3() + b"TAG" + bytes(125),
    "starts mid-frame": lambda: MP3()[700:],
    "zeros behind": lambda: MP3() + bytes(4000),
    "two tags": lambda: id3(TITLE) + id3(TITLE, version=4) + MP3(),
    "joined files": lambda: MP3() + id3(TITLE) + MP3(),
}


@pytest.mark.parametrize("name", MP3S)
def test_tags_of_real_mp3s(name):
    assert_explained(MP3S[name](), "mp3")


COMMENTS = (
    b"TITLE=A title",
    "ARTIST=Ærøskøbing".encode(),
    b"REPLAYGAIN_TRACK_GAIN=-3.21 dB",
    b"LYRICS=" + b"la la, la\n" * 500,
)
FINGERPRINT = b"ACOUSTID_FINGERPRINT=" + base64.urlsafe_b64encode(b"\1\0\4\0" + bytes(range(256)) * 8).rstrip(b"=")


@pytest.mark.parametrize(
    "blocks",
    [
        [(4, vorbis_comments(*COMMENTS))],
        [(4, vorbis_comments(picture_comment(png()))), (1, bytes(8192))],
        [(4, vorbis_comments(FINGERPRINT))],
        [(6, picture_block(jpeg())), (6, picture_block(png(), b"image/png"))],
        [(3, struct.pack(">QQH", 0, 0, 4096) + b"\xff" * 8 + bytes(10))],
        [(2, b"riff" + chunk(b"LIST", b"INFO" + chunk(b"ISFT", b"Reaper\0"))), (2, b"riffdata\0\0\1\0")],
    ],
)
def test_metadata_of_real_flacs(blocks):
    assert_explained(flac(*blocks), "flac")


def test_flac_between_id3_tags():
    assert_explained(id3(TITLE) + flac((1, bytes(100))) + b"TAG" + bytes(125), "flac")


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_covers_and_texts_in_ogg(codec):
    assert_explained(ogg_with_comments(*COMMENTS, codec=codec), "ogg")
    assert_explained(ogg_with_comments(picture_comment(image("png", size=300)), *COMMENTS, codec=codec), "ogg")
    assert_explained(ogg_with_comments(b"COVERART=" + base64.b64encode(jpeg()), codec=codec), "ogg")


def test_chained_ogg_streams():
    assert_explained(by_soundfile("OGG", "VORBIS") + by_soundfile("OGG", "OPUS"), "ogg")


def test_aiff_with_tags():
    data = by_soundfile("AIFF", "PCM_16")
    tag = id3(TITLE, apic(jpeg()))
    named = b"NAME" + struct.pack(">I", 8) + b"A title!" + b"ID3 " + struct.pack(">I", len(tag)) + tag
    assert_explained(data + named, "aiff")


def with_user_data(data: bytes, content: bytes) -> bytes:
    """Put boxes behind the last track's end, inside the moov box, which FFmpeg puts last."""
    at = data.rfind(b"moov") - 4
    moov = data[at + 8 :]
    return data[:at] + box(b"moov", moov + content)


def test_m4a_with_covers_and_free_space():
    value = box(b"covr", box(b"data", struct.pack(">II", 13, 0) + jpeg()))
    meta = box(b"meta", bytes(4) + box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9)) + box(b"ilst", value))
    data = with_user_data(by_ffmpeg("ipod", "aac"), box(b"udta", meta) + box(b"free", bytes(2048)))
    assert_explained(data, "mp4")
    assert walk(data).of_kind(SpanKind.PICTURE)


def test_a_long_file_gives_few_spans():
    data = MP3() * 50
    assert len(walk(data).spans) <= 3


def test_mp3_in_a_wave():
    frames = MP3()
    fmt = struct.pack("<HHIIHHH", 0x55, 2, 44100, 16000, 1, 0, 12) + bytes(12)
    body = b"WAVE" + chunk(b"fmt ", fmt) + chunk(b"data", frames)
    assert_explained(b"RIFF" + struct.pack("<I", len(body)) + body, "wav")


def test_ogg_in_a_wave():
    assert_explained(ogg_in_a_wave(), "wav")


def test_every_sample_of_a_wave_is_sound():
    samples = (sound() * 20000).astype("<i2").tobytes()
    (span,) = walk(wave()).of_kind(SpanKind.SOUND)
    assert span.length == len(samples)


def test_muxers_of_this_ffmpeg_are_there():
    assert {"ipod", "mpegts", "adts"} <= set(av.formats_available)


def test_speech_engines_events_and_fixed_length_texts_are_known() -> None:
    event = struct.pack("<10I", 0x00090006, 7, 1, 0, 440, 0, 43, 0, 6, 1) + "HKEY_LOCAL_MACHINE".encode("utf-16-le")
    software = b"Awave 4.4, Copyright \xa9 1993, 1998 FMJ-Software\0C"
    info = b"INFO" + b"ISFT" + struct.pack("<I", len(software)) + software + b"\0" * (len(software) % 2)
    data = wave(chunk(b"EVNT", event * 60), chunk(b"LIST", info))
    assert not walk(data).of_kind(SpanKind.UNEXPLAINED)
