"""Whatever the bytes: spans cover the file, nothing raises, and time stays in proportion."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from audio_files import (
    EVERY_FORMAT,
    ape,
    apic,
    box,
    chunk,
    flac,
    id3,
    id3_frame,
    ogg_pages,
    picture_comment,
    png,
    vorbis_comments,
    wave,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from udfs.container import ContainerReport, SpanKind, walk
from udfs.container.asf import DATA, FILE_PROPERTIES, HEADER, PADDING
from udfs.container.pictures import picture_end
from udfs.container.text import is_text

REGRESSIONS = sorted((Path(__file__).parents[1] / "golden" / "containers").glob("*"))
SEEDS = [
    *(make() for make in EVERY_FORMAT.values()),
    id3(id3_frame(b"TIT2", b"\0x"), apic(png()), padding=bytes(99)) + EVERY_FORMAT["mp3"]() + ape((b"A", b"b", 0)),
    wave(chunk(b"LIST", b"INFO" + chunk(b"INAM", b"x")), chunk(b"bext", bytes(602)), chunk(b"id3 ", id3(apic(png())))),
    flac(
        (4, vorbis_comments(b"A=b", picture_comment(png()))), (3, bytes(36)), (5, bytes(432)), (2, b"riff" + bytes(20))
    ),
]


def assert_covered(data: bytes) -> ContainerReport:
    report = walk(data)
    at = 0
    for span in report.spans:
        assert span.start == at
        assert span.end > span.start
        at = span.end
    assert at == len(data)
    return report


@given(st.binary(max_size=4096))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_covered(data):
    assert_covered(data)


BEGINNINGS = [
    b"RIFF\xff\xff\xff\xffWAVE", b"RF64\xff\xff\xff\xffWAVEds64", b"FORM\0\0\0\0AIFF", b"fLaC\0\0\0\x22" + bytes(34),
    b"fLaC\x84", b"OggS\0\2", b"ID3\3\0\0\0\0\x0f\0", b"ID3\4\0\xc0\0\0\1\0", b"\0\0\0\x18ftypM4A ", b"\0\0\0\0moov",
    b"G" + bytes(187) + b"G" + bytes(187) + b"G" + bytes(187), b"\xff\xfb\x90\0", b"\xff\xf1\x50\x80\0\x1f\xfc",
    b"RIFF\xff\xff\xff\xffAVI LIST\xff\0\0\0hdrl", b"RIFF\xff\xff\xff\xffAVI idx1",
    HEADER + bytes(14), DATA + bytes(34),
    b"FLV\1\5\0\0\0\x09\0\0\0\0", b"FLV\1\5\0\0\0\x09\0\0\0\0\x12\0\1\0\0\0\0\0\0\0\0", b"TTA1", b"#!AMR\n",
    b"MAC \x96\x0f\0\0\x34\0\0\0\x18\0\0\0", b"MAC \x3c\x0f\xa0\x0f\x16\0", b"DSD \x1c" + bytes(7),
    b"\0\0\1\xba", b"wvpk",
]  # fmt: skip


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=2048))
@settings(max_examples=400, deadline=None)
def test_any_bytes_behind_any_beginning_are_covered(beginning, data):
    assert_covered(beginning + data)


@st.composite
def damaged(draw):
    """A genuine file, cut, overwritten and spliced."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    head = draw(st.booleans())  # most of what is parsed lies in the first bytes
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, min(len(data), 400) if head else len(data)))
        what = draw(st.sampled_from(["set", "insert", "delete", "size", "cut", "repeat"]))
        if what == "set":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=64))
        elif what == "delete":
            del data[at : at + draw(st.integers(0, 300))]
        elif what == "size":
            data[at : at + 4] = draw(
                st.sampled_from([bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\1\0\0\0"])
            )
        elif what == "cut":
            del data[max(at, 1) :]
        else:
            data[at:at] = data[at : at + draw(st.integers(0, 500))] * draw(st.integers(1, 5))
    return bytes(data)


@given(damaged())
@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.large_base_example, HealthCheck.data_too_large]
)
def test_damaged_files_are_covered(data):
    assert_covered(data)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.name)
def test_files_that_once_went_wrong_are_covered(path):
    assert_covered(path.read_bytes())


@given(st.binary(max_size=600))
def test_a_text_or_a_picture_is_asked_of_any_bytes(data):
    assert is_text(data) in (True, False)
    assert is_text(data, "utf-16") in (True, False)
    for magic in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x50\1\0\0WEBP", b"BM"):
        end = picture_end(magic + data, 0, len(magic) + len(data))
        assert end is None or 0 < end <= len(magic) + len(data)


def repeated(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


EMPTY = struct.pack("<Q", 24)  # the size of an ASF object without content
CHAPTER = id3_frame(b"CHAP", b"a\0" + bytes(16) + id3_frame(b"TIT2", b"\0"))
HOSTILE = {
    "Ogg magics": lambda n: repeated(b"OggS\0\0", n),
    "Ogg pages with wrong sums": lambda n: repeated(b"OggS" + bytes(22) + b"\xff" + b"\xff" * 255, n),
    "empty Ogg pages": lambda n: repeated(ogg_pages([b""], 1), n),
    "MP3 syncs": lambda n: repeated(b"\xff\xfb", n),
    "MP3 headers": lambda n: repeated(b"\xff\xfb\x90\x00", n),
    "MP3 frames and gaps": lambda n: repeated(EVERY_FORMAT["mp3"]()[417 : 417 * 3] + b"gap" * 9, n),
    "ADTS headers": lambda n: repeated(b"\xff\xf1\x50\x80\x01\x1f\xfc\x00", n),
    "FLAC headers": lambda n: flac()[:42] + repeated(b"\xff\xf8\xc9\x08\x00\xc2", n),
    "TS syncs": lambda n: repeated(b"G", n),
    "TS out of step": lambda n: repeated(b"G" + bytes(187) + b"G" + bytes(187) + b"G" + bytes(187) + b"x", n),
    "RIFF chunks of no length": lambda n: b"RIFF\xff\xff\xff\xffWAVE" + repeated(b"abcd\0\0\0\0efgh\0\0\0\0", n),
    "AIFF chunks of no length": lambda n: b"FORM\x7f\xff\xff\xffAIFF" + repeated(b"abcd\0\0\0\0", n),
    "ID3 frames of no length": lambda n: id3(repeated(b"TIT2" + bytes(6), n)) + EVERY_FORMAT["mp3"](),
    "ID3 tags": lambda n: repeated(b"ID3\3\0\0\0\0\0\0", n),
    "ID3 chapters": lambda n: id3(repeated(CHAPTER, n)) + EVERY_FORMAT["mp3"](),
    "ID3v1 tags": lambda n: EVERY_FORMAT["mp3"]() + repeated(b"TAG" + bytes(125), n),
    "MP4 boxes of no length": lambda n: b"\0\0\0\x08ftyp" + repeated(b"\0\0\0\x08free\0\0\0\x08skip", n),
    "MP4 boxes in boxes": lambda n: nested_boxes(n),
    "MP4 media boxes": lambda n: many_media_boxes(n),
    "JPEG markers": lambda n: id3(apic(b"\xff\xd8" + repeated(b"\xff", n))) + EVERY_FORMAT["mp3"](),
    "JPEG scans": lambda n: id3(apic(b"\xff\xd8" + repeated(b"\xff\xda\0\2\xff\0", n))) + EVERY_FORMAT["mp3"](),
    "GIF blocks": lambda n: id3(apic(b"GIF89a" + bytes(7) + repeated(b"\x21\xfe\1a\0", n))) + EVERY_FORMAT["mp3"](),
    "Vorbis comments": lambda n: flac((4, vorbis_comments(*[b"A=b"] * (min(n, 8 << 20) // 7)))),
    "nearly base64": lambda n: flac((4, vorbis_comments(b"A=" + repeated(b"a" * 199 + b" ", min(n, 8 << 20))))),
    "hexadecimal pairs": lambda n: flac((4, vorbis_comments(b"A=" + repeated(b"0x41, ", min(n, 1 << 20))))),
    "AVI chunks of no length": lambda n: b"RIFF\xff\xff\xff\xffAVI " + repeated(b"00wb\0\0\0\0JUNK\0\0\0\0", n),
    "AVI lists in lists": lambda n: b"RIFF\xff\xff\xff\xffAVI " + repeated(b"LIST\xff\xff\xff\0abcd", n),
    "AVI indexes": lambda n: b"RIFF\xff\xff\xff\xffAVI " + repeated(b"idx1\x10\0\0\0" + b"00wb" + bytes(12), n),
    "ASF objects of no length": lambda n: HEADER + struct.pack("<QIH", n + 30, 9, 1) + repeated(PADDING + EMPTY, n),
    "ASF packets": lambda n: asf_packets(n),
    "FLV tags of no length": lambda n: b"FLV\1\5\0\0\0\x09\0\0\0\0" + repeated(b"\x08" + bytes(10) + b"\0\0\0\x0b", n),
    "FLV objects in objects": lambda n: flv_script(repeated(b"\3\0\1a", n)),
    "FLV strings": lambda n: flv_script(repeated(b"\2\0\1a", n)),
    "AMR frames": lambda n: b"#!AMR\n" + repeated(b"\x7c", n),
    "AC-3 headers": lambda n: repeated(b"\x0bw\0\0\0\x40", n),
    "LOAS headers": lambda n: repeated(b"\x56\xe0\1\0", n),
    "programme stream packets": lambda n: repeated(b"\0\0\1\xba" + b"\x44" + bytes(9) + b"\0\0\1\xe0\0\0\1", n),
    "TTA frames": lambda n: tta(n),
    "WavPack blocks": lambda n: repeated(b"wvpk" + struct.pack("<I", 28) + bytes(24) + b"\x21\1xx", n),
    "ZIP end records": lambda n: wave(behind=repeated(b"PK\5\6", n)),
    "APE tags": lambda n: EVERY_FORMAT["mp3"]() + repeated(ape((b"A", b"b", 0)), n),
}  # fmt: skip


def asf_packets(size: int) -> bytes:
    properties = struct.pack("<16xQQQQQQII", size, 0, 0, 0, 0, 0, 2, 16) + struct.pack("<II", 16, 1)
    header = FILE_PROPERTIES + struct.pack("<Q", 24 + len(properties)) + properties
    head = HEADER + struct.pack("<QIH", 30 + len(header), 1, 0x201) + header
    return (
        head
        + DATA
        + struct.pack("<Q16xQH", 50 + size // 16 * 16, 1, 1)
        + repeated(b"\1\0" + bytes(6) + b"\x47" + bytes(7), size)
    )


def flv_script(values: bytes) -> bytes:
    values = values[: (1 << 24) - 1]
    return b"FLV\1\5\0\0\0\x09\0\0\0\0\x12" + len(values).to_bytes(3, "big") + bytes(7) + values + bytes(4)


def tta(size: int) -> bytes:
    count = size // 16
    head = b"TTA1" + struct.pack("<HHHII", 1, 2, 16, 44100, count * (256 * 44100 // 245))
    table = struct.pack("<I", 12) * count
    return b"".join(part + struct.pack("<I", zlib.crc32(part)) for part in (head, table)) + bytes(12 * count)


def nested_boxes(size: int) -> bytes:
    content = bytes(16)
    while len(content) < min(size, 40_000):
        content = box(b"moov", box(b"trak", content))
    return box(b"ftyp", b"M4A ") + content + repeated(b"\0\0\0\x08free", size - len(content))


def many_media_boxes(size: int) -> bytes:
    count = size // 24
    offsets = np.arange(count, dtype=np.int64) * 24 + 8
    table = {
        b"stsz": struct.pack(">III", 0, 8, count),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, 1, 1),
        b"stco": struct.pack(">II", 0, count) + offsets.astype(">u4").tobytes(),
    }
    boxes = b"".join(box(name, content) for name, content in table.items())
    return repeated(box(b"mdat", bytes(8)) + box(b"free", b""), count * 24) + box(b"moov", box(b"trak", boxes))


def cpu_seconds(data: bytes) -> float:
    started = time.process_time()
    assert_covered(data)
    return time.process_time() - started


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_no_faster_than_the_file(name):
    small, large = HOSTILE[name](150_000), HOSTILE[name](1_200_000)
    cpu_seconds(small[:50_000])
    ratio = cpu_seconds(large) / max(min(cpu_seconds(small), cpu_seconds(small)), 0.004)
    assert ratio < 30  # eight times the bytes; quadratic would be 64


@pytest.mark.parametrize("name", HOSTILE)
def test_the_number_of_spans_is_bounded(name):
    assert len(walk(HOSTILE[name](600_000)).spans) <= 20_001


def test_too_many_parts_are_told():
    data = b"RIFF\xff\xff\xff\xffWAVE" + repeated(b"abcd\2\0\0\0\1\2", 300_000)
    report = walk(data)
    assert "container.too_many_parts" in dict(report.lies)
    assert report.spans[-1].kind is SpanKind.UNEXPLAINED
