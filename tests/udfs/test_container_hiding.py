"""Where payloads hide beside the sound, they are found: the very bytes, as unexplained spans."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from audio_files import (
    EVERY_FORMAT,
    PAYLOAD,
    ape,
    apic,
    box,
    by_ffmpeg,
    by_soundfile,
    chunk,
    flac,
    id3,
    id3_frame,
    jpeg,
    ogg_with_comments,
    picture_block,
    picture_comment,
    png,
    split_pages,
    vorbis_comments,
    wave,
)

from udfs.container import SpanKind, walk

MP3 = EVERY_FORMAT["mp3"]


def unexplained(data: bytes) -> bytes:
    return b"".join(data[span.start : span.end] for span in walk(data).of_kind(SpanKind.UNEXPLAINED))


def assert_found(data: bytes, hidden: bytes = PAYLOAD) -> None:
    assert hidden in unexplained(data)


@pytest.mark.parametrize("name", [name for name in EVERY_FORMAT if not name.startswith("ts")])
def test_bytes_behind_the_end(name):
    data = EVERY_FORMAT[name]() + PAYLOAD
    assert_found(data)
    assert "container.trailing_bytes" in dict(walk(data).lies)


def test_bytes_behind_a_transport_stream():
    assert_found(EVERY_FORMAT["ts"]() + PAYLOAD)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "vorbis"])
def test_bytes_behind_the_end_and_before_a_tag(name):
    assert_found(EVERY_FORMAT[name]() + PAYLOAD + b"TAG" + bytes(125))


IN_ID3 = {
    "PRIV": id3_frame(b"PRIV", b"someone\0" + PAYLOAD),
    "GEOB": id3_frame(b"GEOB", b"\0application/octet-stream\0a.exe\0\0" + PAYLOAD),
    "APIC that is no picture": apic(PAYLOAD),
    "APIC behind its picture": apic(jpeg() + PAYLOAD),
    "APIC behind the pixels of a PNG": apic(png()[:-12] + PAYLOAD + png()[-12:]),
    "a text frame": id3_frame(b"TXXX", b"\0name\0" + PAYLOAD),
    "base64 in a comment": id3_frame(b"COMM", b"\0eng\0" + base64.b64encode(PAYLOAD)),
    "hexadecimal in lyrics": id3_frame(b"USLT", b"\0eng\0" + PAYLOAD.hex().encode()),
    "an unknown frame": id3_frame(b"ZZZZ", PAYLOAD),
    "a long CD table": id3_frame(b"MCDI", PAYLOAD),
    "an owner that is known": id3_frame(b"PRIV", b"XMP\0" + PAYLOAD),
}


@pytest.mark.parametrize("place", IN_ID3)
def test_in_id3_frames(place):
    frame = IN_ID3[place]
    hidden = unexplained(id3(frame) + MP3())
    assert len(hidden) >= len(PAYLOAD) * 0.99
    assert hidden in frame + b"\0"
    assert len(unexplained(wave(chunk(b"id3 ", id3(frame))))) >= len(PAYLOAD) * 0.99


def test_in_id3_padding():
    assert_found(id3(id3_frame(b"TIT2", b"\0x"), padding=bytes(10) + PAYLOAD) + MP3())


def test_in_an_ape_tag():
    assert_found(MP3() + ape((b"Data", PAYLOAD, 2)))
    assert_found(MP3() + ape((b"Cover Art (Front)", b"a.jpg\0" + PAYLOAD, 2)))
    assert_found(MP3() + ape((b"Comment", base64.b64encode(PAYLOAD), 0)), base64.b64encode(PAYLOAD))


@pytest.mark.parametrize("name", [b"evil", b"JUNK", b"FLLR", b"iXML", b"bext", b"note"])
def test_in_riff_chunks(name):
    assert_found(wave(chunk(name, PAYLOAD)))


def test_a_text_in_a_riff_chunk_that_nobody_knows_has_to_be_short():
    text = b"Nobody but us two shall ever know what was written here, and where. " * 6
    assert_found(wave(chunk(b"abcd", text)), text)
    assert not unexplained(wave(chunk(b"abcd", text[:250])))
    assert not unexplained(wave(chunk(b"note", text)))


def test_in_a_riff_list():
    assert_found(wave(chunk(b"LIST", b"INFO" + chunk(b"ICMT", PAYLOAD))))
    assert_found(wave(chunk(b"LIST", b"evil" + PAYLOAD)))
    encoded = base64.b64encode(PAYLOAD)
    assert_found(wave(chunk(b"LIST", b"INFO" + chunk(b"ICMT", encoded))), encoded)


def test_in_a_bitmap_that_is_none():
    assert_found(wave(chunk(b"DISP", b"\x08\0\0\0" + PAYLOAD)))


def test_in_the_wave_format_chunk():
    body = b"WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, 44100, 176400, 4, 16) + b"\0\0" + PAYLOAD)
    assert_found(b"RIFF" + struct.pack("<I", len(body)) + body + chunk(b"data", bytes(4000)))


@pytest.mark.parametrize("kind", [1, 2, 3, 5, 6, 9, 126])
def test_in_flac_metadata(kind):
    assert_found(flac((kind, PAYLOAD)))


def test_in_flac_application_blocks_of_known_names():
    assert_found(flac((2, b"riff" + chunk(b"evil", PAYLOAD))))
    assert_found(flac((2, b"riff" + chunk(b"data", PAYLOAD))))


def test_in_flac_pictures():
    assert_found(flac((6, picture_block(PAYLOAD))))
    assert_found(flac((6, picture_block(jpeg() + PAYLOAD))))


def test_between_flac_frames():
    data = EVERY_FORMAT["flac"]()
    sound = next(span for span in walk(data).spans if span.kind is SpanKind.SOUND)
    middle = (sound.start + sound.end) // 2
    assert_found(data[:middle] + PAYLOAD + data[middle:])
    assert "container.crc" in dict(walk(data[:middle] + PAYLOAD + data[middle:]).lies)


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_in_vorbis_comments(codec):
    for comment in (b"DATA=" + base64.b64encode(PAYLOAD), b"METADATA_BLOCK_PICTURE=" + base64.b64encode(PAYLOAD),
                    picture_comment(PAYLOAD), picture_comment(jpeg() + PAYLOAD), b"X=" + PAYLOAD):  # fmt: skip
        assert len(unexplained(ogg_with_comments(comment, codec=codec))) >= len(comment)


def test_in_vorbis_comments_of_flac():
    assert_found(flac((4, vorbis_comments(b"DATA=" + base64.b64encode(PAYLOAD)))), base64.b64encode(PAYLOAD))


def test_behind_the_comments():
    assert_found(flac((4, vorbis_comments(b"A=b") + PAYLOAD)))


def test_between_ogg_pages():
    pages = split_pages(EVERY_FORMAT["vorbis"]())
    assert_found(b"".join(pages[:4]) + PAYLOAD + b"".join(pages[4:]))


def test_in_an_ogg_stream_that_nobody_plays():
    from audio_files import ogg_pages

    pages = split_pages(EVERY_FORMAT["vorbis"]())
    hidden = ogg_pages([b"my stream" + PAYLOAD], serial=77, flags=2)
    assert_found(pages[0] + hidden + b"".join(pages[1:]))


def test_in_a_damaged_ogg_page():
    pages = split_pages(EVERY_FORMAT["vorbis"]())
    page = bytearray(pages[-1])
    page[100:200] = PAYLOAD[:100]
    data = b"".join(pages[:-1]) + bytes(page)
    assert_found(data, PAYLOAD[:100])
    assert "container.crc" in dict(walk(data).lies)


def test_between_mp3_frames():
    assert_found(MP3()[:417] + PAYLOAD + MP3()[417:])


def test_a_table_of_jumps_behind_an_mp3_is_no_chain_of_layer_one():
    jumps = b"".join(
        b"\xff\xff\x25" + bytes([at, 0x7F, 0, 0, 0x68, at >> 2, 0, 0, 0, 0xE9, 0xF0, 0xFF, 0xFF])
        for at in range(20, 60, 2)
    )
    program = PAYLOAD + jumps
    assert_found(MP3() + program, program)
    assert "container.trailing_bytes" in dict(walk(MP3() + program).lies)


def test_a_short_text_in_the_free_space_of_an_mp4():
    text = (b"Nobody but us two shall ever know what was written here, and where. " * 4)[:250]
    assert_found(by_ffmpeg("ipod", "aac") + box(b"free", text), text)
    assert not unexplained(by_ffmpeg("ipod", "aac") + box(b"free", b"IsoMedia File Produced with Google, 5-11-2011"))


def test_before_the_first_mp3_frame():
    assert_found(PAYLOAD + MP3())
    frames = EVERY_FORMAT["mp3 ffmpeg"]()[45:]  # behind its tag
    assert_found(PAYLOAD[:1200] + frames, PAYLOAD[:1200])  # shorter than the longest frame, longer than these
    assert_found(b"MZ" + PAYLOAD[:300] + MP3(), PAYLOAD[:300])


@pytest.mark.parametrize("name", [b"free", b"skip", b"uuid", b"evil", b"udta", b"mdat"])
def test_in_mp4_boxes(name):
    assert_found(by_ffmpeg("ipod", "aac") + box(name, bytes(16) + PAYLOAD))


def test_in_mp4_user_data():
    from test_container_real_files import with_user_data

    base = by_ffmpeg("ipod", "aac")
    for content in (
        box(b"udta", box(b"evil", PAYLOAD)),
        box(b"udta", box(b"\xa9cmt", struct.pack(">HH", len(PAYLOAD), 0) + PAYLOAD)),
        box(
            b"udta",
            box(b"meta", bytes(4) + box(b"ilst", box(b"covr", box(b"data", struct.pack(">II", 13, 0) + PAYLOAD)))),
        ),
        box(b"udta", box(b"meta", bytes(4) + box(b"ilst", box(b"----", box(b"data", bytes(8) + PAYLOAD))))),
        box(b"free", PAYLOAD),
    ):
        assert_found(with_user_data(base, content))


def test_in_media_data_that_no_track_points_to():
    data = by_ffmpeg("ipod", "aac")
    at = data.index(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    grown = data[:at] + struct.pack(">I", size + len(PAYLOAD)) + data[at + 4 : at + size] + PAYLOAD + data[at + size :]
    assert_found(grown)


def test_in_transport_packets_of_no_stream():
    data = by_ffmpeg("mpegts", "aac")
    packet = b"G" + struct.pack(">H", 0x0777) + b"\x10" + PAYLOAD[:184]
    assert_found(data[: 188 * 9] + packet + data[188 * 9 :], PAYLOAD[:184])
    null = b"G" + struct.pack(">H", 0x1FFF) + b"\x10" + PAYLOAD[:184]
    assert_found(data[: 188 * 9] + null + data[188 * 9 :], PAYLOAD[:184])


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.class", PAYLOAD)
    return file.getvalue()


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_an_archive_behind_the_sound_is_a_polyglot(name):
    assert "container.polyglot" in dict(walk(EVERY_FORMAT[name]() + zipped()).lies)


def test_an_archive_as_the_last_samples_is_a_polyglot():
    assert "container.polyglot" in dict(walk(wave(data=bytes(8000) + zipped())).lies)


@pytest.mark.parametrize(
    "document", [b"%PDF-1.7\n1 0 obj", b"<html><script>alert(1)</script></html>", b"<?php system(1); ?>"]
)
def test_a_document_in_a_tag_is_a_polyglot_and_no_text(document):
    data = id3(id3_frame(b"COMM", b"\0eng\0" + document)) + MP3()
    assert "container.polyglot" in dict(walk(data).lies)
    assert_found(data, document)
    assert_found(wave(chunk(b"LIST", b"INFO" + chunk(b"ICMT", document))), document)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_genuine_files_are_no_polyglots(name):
    assert "container.polyglot" not in dict(walk(EVERY_FORMAT[name]()).lies)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x7fELF\2\1\1" + bytes(9000), b"MZ" + PAYLOAD * 10, zipped(), png(), jpeg(), b"%PDF-1.4\n" + PAYLOAD,
     b"text " * 999, b"#!/bin/sh\necho\n" * 50, np.random.default_rng(5).bytes(1 << 20)],
)  # fmt: skip
def test_other_files_renamed_are_no_container(data):
    report = walk(data)
    assert report.container == ""
    assert not report.of_kind(SpanKind.SOUND)


def test_a_size_that_lies_leaves_the_rest_unexplained():
    data = wave()
    lying = bytearray(data)
    at = data.index(b"data") + 4
    lying[at : at + 4] = struct.pack("<I", 1000)
    hidden = len(data) - at - 4 - 1000
    assert len(unexplained(bytes(lying))) >= hidden - 16


def test_an_executable_in_a_chunk_that_is_known():
    assert_found(wave(chunk(b"smpl", b"\x7fELF\2\1\1" + PAYLOAD)))


def test_many_formats_hold_no_surprise_for_aiff():
    data = by_soundfile("AIFF", "PCM_16")
    assert_found(data + b"APPL" + struct.pack(">I", 3004) + b"pdos" + PAYLOAD)
    assert_found(data + b"evil" + struct.pack(">I", 3000) + PAYLOAD)
    assert_found(data + b"ANNO" + struct.pack(">I", 3000) + PAYLOAD)


def element(name: bytes, content: bytes) -> bytes:
    return name + (len(content) | 1 << 28).to_bytes(4, "big") + content


@pytest.mark.parametrize("name", [b"\xec", b"\x46\x5c", b"\x44\x87", b"\xbf", b"\x44\x85", b"\x42\x99"])
def test_in_matroska_elements(name):
    data = by_ffmpeg("matroska", "aac")
    assert_found(data + element(b"\x18\x53\x80\x67", element(name, PAYLOAD)))


def test_in_a_matroska_block_of_no_track():
    data = by_ffmpeg("matroska", "aac")
    assert_found(
        data + element(b"\x18\x53\x80\x67", element(b"\x1f\x43\xb6\x75", element(b"\xa3", b"\x89\0\0\0" + PAYLOAD)))
    )


def test_in_a_wavpack_sub_block():
    data = bytearray(by_ffmpeg("wv", "wavpack"))
    hidden = b"\xbf" + (len(PAYLOAD) // 2).to_bytes(3, "little") + PAYLOAD
    end = 8 + int.from_bytes(data[4:8], "little")
    data[end:end] = hidden
    data[4:8] = (end - 8 + len(hidden)).to_bytes(4, "little")
    assert_found(bytes(data))


def test_between_the_mp3_frames_of_a_wave():
    fmt = chunk(b"fmt ", struct.pack("<HHIIHHH", 0x55, 2, 44100, 16000, 1, 0, 12) + bytes(12))
    body = b"WAVE" + fmt + chunk(b"data", MP3() + PAYLOAD)
    assert_found(b"RIFF" + struct.pack("<I", len(body)) + body)


def test_in_caf_and_wave64_chunks():
    caf = by_soundfile("CAF", "PCM_16")
    assert_found(caf + b"evil" + struct.pack(">q", len(PAYLOAD)) + PAYLOAD)
    assert_found(caf + b"free" + struct.pack(">q", len(PAYLOAD)) + PAYLOAD)
    w64 = by_soundfile("W64", "PCM_16")
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    assert_found(w64 + b"evil" + tail + struct.pack("<Q", 24 + len(PAYLOAD)) + PAYLOAD)


def test_in_an_au_annotation():
    au = by_soundfile("AU", "PCM_16")
    assert_found(au[:4] + struct.pack(">I", 24 + len(PAYLOAD)) + au[8:24] + PAYLOAD + au[24:])


@pytest.mark.parametrize("name", [b"levl", b"LGWV", b"cue ", b"smpl", b"ResU"])
def test_noise_in_chunks_of_numbers(name):
    assert_found(wave(chunk(name, PAYLOAD)))


def test_many_small_frames_of_numbers():
    pieces = [PAYLOAD[at : at + 500] for at in range(0, 3000, 500)]
    hidden = unexplained(id3(*[id3_frame(b"RVA2", piece) for piece in pieces]) + MP3())
    assert sum(piece in hidden for piece in pieces) >= 3
    unsynchronised = [id3_frame(b"RVA2", piece, flags=2) for piece in pieces]  # each unpacked by itself
    assert len(unexplained(id3(*unsynchronised, version=4) + MP3())) >= 1000


def test_media_data_of_an_invented_kind_of_track():
    data = by_ffmpeg("mp4", "aac", "mpeg4")
    assert len(unexplained(data.replace(b"vide", b"evil"))) > 1000


def test_alignment_between_samples_is_not_much():
    count = 400
    offsets = struct.pack(f">{count}I", *(16 + 24 * n for n in range(count)))
    tables = box(b"stsz", struct.pack(">III", 0, 9, count)) + box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1))
    tables += box(b"stco", struct.pack(">II", 0, count) + offsets)
    track = box(b"trak", box(b"hdlr", bytes(8) + b"soun" + bytes(13)) + tables)
    media = b"".join(bytes(9) + PAYLOAD[n * 7 : n * 7 + 15].ljust(15, b"x") for n in range(count))
    data = box(b"ftyp", b"") + box(b"mdat", media) + box(b"moov", track)
    assert len(unexplained(data)) > 15 * (count - 60)


def test_in_an_ogg_skeleton():
    from audio_files import ogg_pages

    pages = split_pages(EVERY_FORMAT["vorbis"]())
    skeleton = ogg_pages([b"fishead\0" + bytes(56)], 9, flags=2) + ogg_pages([b"fisbone\0" + bytes(44), PAYLOAD], 9, 1)
    assert_found(pages[0] + skeleton + b"".join(pages[1:]))
    honest = ogg_pages([b"fishead\0" + bytes(56)], 9, flags=2) + ogg_pages([b"fisbone\0" + bytes(44), b""], 9, 1)
    assert unexplained(pages[0] + honest + b"".join(pages[1:])) == b""


def test_behind_the_comments_of_an_ogg_header():
    from audio_files import header_packets, ogg_pages

    pages = split_pages(EVERY_FORMAT["opus"]())
    packets = header_packets(pages, 2)
    used = next(n for n in range(len(pages)) if int.from_bytes(pages[n][6:14], "little") > 0)
    serial = int.from_bytes(pages[0][14:18], "little")
    for padding, hidden in ((PAYLOAD, PAYLOAD[-2000:]), (bytes(500), b"")):
        data = pages[0] + ogg_pages([packets[1] + padding], serial, 1) + b"".join(pages[used:])
        found = b"".join(unexplained(data).split(b"OggS"))
        assert hidden[-500:] in found
        assert hidden or not found


def test_behind_the_pixels_in_a_png_chunk_that_is_whole():
    picture = png()
    pixels = picture.rindex(b"IDAT") - 4
    end = pixels + 12 + int.from_bytes(picture[pixels : pixels + 4], "big")
    body = picture[pixels + 4 : end - 4] + PAYLOAD
    grown = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert_found(id3(apic(picture[:pixels] + grown + picture[end:])) + MP3())
    extra = b"zEvl" + PAYLOAD
    unknown = struct.pack(">I", len(PAYLOAD)) + extra + struct.pack(">I", zlib.crc32(extra))
    assert_found(id3(apic(picture[:-12] + unknown + picture[-12:])) + MP3())


def bitmap(pixels: bytes) -> bytes:
    """A BMP of 24 bits whose rows are `pixels`."""
    width, height = 40, len(pixels) // 120
    rows = pixels[: 120 * height]
    return (
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + len(rows), 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + rows
    )


@pytest.mark.parametrize(
    "pixels",
    [PAYLOAD, b"\x7fELF\2\1\1" + bytes(3000), b"echo Payload number 42, and; so (on)... \n" * 100],
    ids=["encrypted", "program", "text"],
)
def test_data_written_as_a_bitmaps_rows_is_no_picture(pixels: bytes) -> None:
    encoded = base64.b64encode(bitmap(pixels))
    for comment in (b"NOTE=" + encoded, b"COVERART=" + encoded, picture_comment(bitmap(pixels))):
        for data in (flac((4, vorbis_comments(comment))), ogg_with_comments(comment)):
            assert len(unexplained(data)) >= len(encoded)
    assert_found(id3(apic(bitmap(pixels))) + MP3(), bitmap(pixels))


@pytest.mark.parametrize("form", ["wav", "aiff"])
def test_an_unknown_chunk_of_zeros_and_numbers_must_stay_small(form: str) -> None:
    numbers = struct.pack("<2000I", *range(2000))
    assert numbers.count(0) > len(numbers) // 2
    if form == "wav":
        assert not unexplained(wave(chunk(b"odd1", numbers[:4000])))
        assert_found(wave(chunk(b"odd1", numbers)), numbers)
        assert_found(wave(chunk(b"odd1", numbers[:4000]), chunk(b"odd2", numbers[:4000])), numbers[:4000])
        assert_found(wave(chunk(b"odd1", b"\x7fELF\2\1\1" + bytes(900))), b"\x7fELF")
    else:
        whole = EVERY_FORMAT["aiff"]()
        odd = b"odd1" + struct.pack(">I", 4000) + numbers[:4000]
        assert not unexplained(whole[:12] + odd + whole[12:])
        odd = b"odd1" + struct.pack(">I", 8000) + numbers
        assert_found(whole[:12] + odd + whole[12:], numbers)
