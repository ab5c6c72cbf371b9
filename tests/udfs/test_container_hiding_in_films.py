"""Where payloads hide in what only FFmpeg plays, they are found: the very bytes, as unexplained spans."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from audio_files import EVERY_FORMAT, PAYLOAD, by_ffmpeg, chunk, wave

from udfs.container import SpanKind, walk
from udfs.container.asf import DATA, HEADER

AVI = EVERY_FORMAT["avi"]
WMA = EVERY_FORMAT["wma"]
FLV = EVERY_FORMAT["flv"]
MPG = EVERY_FORMAT["mpg"]
TTA = EVERY_FORMAT["tta"]
EXTENDED = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")  # ASF's extended content description
PADDING = bytes.fromhex("74d40618dfca0945a4ba9aabcb96aae8")


def unexplained(data: bytes) -> bytes:
    return b"".join(data[span.start : span.end] for span in walk(data).of_kind(SpanKind.UNEXPLAINED))


def assert_found(data: bytes, hidden: bytes = PAYLOAD) -> None:
    assert hidden in unexplained(data)


def assert_explained(data: bytes) -> None:
    assert not unexplained(data)


@pytest.mark.parametrize("name", [b"JUNK", b"ISFT", b"idx1", b"ix00", b"strd", b"evil", b"07wb"])
def test_in_avi_chunks(name: bytes) -> None:
    hidden = PAYLOAD[20:] if name == b"JUNK" else PAYLOAD
    assert_found(AVI() + b"RIFF" + struct.pack("<I", 4 + 8 + len(PAYLOAD)) + b"AVIX" + chunk(name, PAYLOAD), hidden)


def test_in_an_avi_index_whose_entries_are_of_the_right_form() -> None:
    entries = b"".join(b"00wb" + bytes(4) + PAYLOAD[at : at + 8] for at in range(0, 2000, 8))
    data = AVI() + b"RIFF" + struct.pack("<I", 12 + len(entries)) + b"AVIX" + chunk(b"idx1", entries)
    assert_found(data, entries)


def asf_object(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<Q", 24 + len(content)) + content


def with_asf_object(item: bytes) -> bytes:
    """A WMA with an object put at the end of its header."""
    data = WMA()
    size, count = struct.unpack_from("<QI", data, 16)
    return data[:16] + struct.pack("<QI", size + len(item), count + 1) + data[28:size] + item + data[size:]


def attribute(name: str, kind: int, value: bytes) -> bytes:
    coded = (name + "\0").encode("utf-16-le")
    return struct.pack("<HH", 1, len(coded)) + coded + struct.pack("<HH", kind, len(value)) + value


def test_in_asf_objects() -> None:
    assert_explained(with_asf_object(asf_object(PADDING, bytes(2000))))
    assert_explained(with_asf_object(asf_object(EXTENDED, attribute("WM/Genre", 0, "Ænigma\0".encode("utf-16-le")))))
    assert_found(with_asf_object(asf_object(PADDING, PAYLOAD)))
    assert_found(with_asf_object(asf_object(b"0123456789abcdef", PAYLOAD)))
    assert_found(with_asf_object(asf_object(EXTENDED, attribute("WM/Genre", 0, PAYLOAD))))
    assert_found(with_asf_object(asf_object(EXTENDED, attribute("WM/Data", 1, PAYLOAD))))
    assert_found(with_asf_object(asf_object(EXTENDED, attribute("WM/Picture", 1, bytes(9) + PAYLOAD))))


def with_first_packet(stream: int, body: bytes, padding: bytes) -> bytes:
    """A WMA whose first packet holds one payload of a stream, and padding."""
    data = bytearray(WMA())
    packet = int.from_bytes(data[data.index(bytes.fromhex("a1dcab8c")) + 92 :][:4], "little")
    at = data.index(DATA) + 50
    head = bytes([0x82, 0, 0, 0x10, 0x55]) + struct.pack("<H", len(padding)) + bytes(6)  # two bytes of padding length
    payload = bytes([0x80 | stream]) + b"\0" + bytes(4) + b"\0"
    data[at : at + packet] = head + payload + body.ljust(packet - len(head) - len(payload) - len(padding)) + padding
    return bytes(data)


def test_in_the_padding_of_an_asf_packet() -> None:
    assert_explained(with_first_packet(1, b"sound", bytes(100)))
    assert_found(with_first_packet(1, b"sound", PAYLOAD[:500]), PAYLOAD[:500])


def test_in_an_asf_stream_that_is_not_declared() -> None:
    assert_found(with_first_packet(5, PAYLOAD[:500], b""), PAYLOAD[:500])


def flv_tag(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3, "big") + bytes(7) + content + (11 + len(content)).to_bytes(4, "big")


@pytest.mark.parametrize(
    "script",
    [
        b"\x0c" + len(PAYLOAD).to_bytes(4, "big") + PAYLOAD,
        b"\x02" + (4000).to_bytes(2, "big") + base64.b64encode(PAYLOAD),
        b"\x0a" + (375).to_bytes(4, "big") + b"".join(b"\0" + PAYLOAD[at : at + 8] for at in range(0, 3000, 8)),
        b"\x05" + PAYLOAD,
    ],
    ids=["long string", "base64", "list of numbers", "behind a value"],
)
def test_in_flv_scripts(script: bytes) -> None:
    assert_found(FLV() + flv_tag(18, script), script)


def test_in_flv_tags_of_no_kind() -> None:
    assert_explained(FLV() + flv_tag(18, b"\x02\0\x05hello\x00" + struct.pack(">d", 12.5)))
    assert_found(FLV() + flv_tag(15, PAYLOAD))


@pytest.mark.parametrize("stream", [0xBE, 0xBF, 0xBB, 0xF5])
def test_in_packets_of_a_programme_stream(stream: int) -> None:
    packet = b"\0\0\1" + bytes([stream]) + struct.pack(">H", len(PAYLOAD)) + PAYLOAD
    assert_found(MPG() + packet, PAYLOAD[1024:])


def test_between_the_packets_of_a_programme_stream() -> None:
    data = MPG()
    second = data.index(b"\0\0\1\xba", 100)
    assert_found(data[:second] + PAYLOAD + data[second:])


def test_between_ac3_frames_and_amr_frames() -> None:
    ac3, amr = EVERY_FORMAT["ac3"](), EVERY_FORMAT["amr"]()
    middle = ac3.index(b"\x0bw", len(ac3) // 2)
    assert_found(ac3[:middle] + PAYLOAD + ac3[middle:])
    assert PAYLOAD[100:] in unexplained(amr + PAYLOAD)  # its first bytes may look like a frame


def test_in_a_tta_frame_that_does_not_match_its_checksum() -> None:
    data = bytearray(TTA())
    data[3000:4000] = PAYLOAD[:1000]
    assert_found(bytes(data), PAYLOAD[:1000])
    assert "container.crc" in dict(walk(bytes(data)).lies)


def test_behind_the_seek_table_of_tta() -> None:
    data = TTA()
    hidden = data[:22] + zlib.crc32(data[:22]).to_bytes(4, "little") + data[26:]
    assert_found(hidden + PAYLOAD)


def monkeys_audio(header: bytes, trailer: bytes = b"", table: bytes = b"\0\0\0\0") -> bytes:
    """Monkey's Audio of version 3.99 around frames that are not looked into."""
    frames = bytes(range(256)) * 8
    sizes = struct.pack("<HHIIIIIII", 3990, 0, 52, 24, len(table), len(header), len(frames), 0, len(trailer))
    settings = struct.pack("<HHIIIHHI", 2000, 0, 73728, 100, 1, 16, 2, 44100)
    return b"MAC " + sizes + bytes(16) + settings + table + header + frames + trailer


WAVE_HEADER = wave()[:44]


def test_in_what_monkeys_audio_keeps_of_the_wave() -> None:
    title = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"A title\0"))
    assert_explained(monkeys_audio(WAVE_HEADER, title))
    assert_explained(monkeys_audio(WAVE_HEADER, table=struct.pack("<4I", 200, 900, 0, 0)[:8]))
    assert_found(monkeys_audio(WAVE_HEADER + PAYLOAD))
    assert_found(monkeys_audio(WAVE_HEADER, chunk(b"evil", PAYLOAD)))
    assert_found(monkeys_audio(WAVE_HEADER, PAYLOAD))
    assert_found(monkeys_audio(WAVE_HEADER, table=PAYLOAD), PAYLOAD[12:])
    assert_found(monkeys_audio(WAVE_HEADER) + PAYLOAD)


def test_in_what_wavpack_keeps_of_the_wave_and_in_its_unused_room() -> None:
    base = by_ffmpeg("wv", "wavpack")
    end = 8 + int.from_bytes(base[4:8], "little")
    for kind, content, is_known in (
        (0xA1, WAVE_HEADER, True),
        (0xA1, WAVE_HEADER + PAYLOAD, False),
        (0xA2, chunk(b"evil", PAYLOAD), False),
        (0xA3, PAYLOAD, False),
        (0x80, bytes(3000), True),
        (0x80, PAYLOAD, False),
    ):
        block = bytes([kind]) + (len(content) // 2).to_bytes(3, "little") + content
        data = base[:4] + (end - 8 + len(block)).to_bytes(4, "little") + base[8:end] + block + base[end:]
        if is_known:
            assert_explained(data)
        else:
            assert_found(data)


def test_in_and_behind_dsf() -> None:
    sound = np.full(4096, 0x69, np.uint8).tobytes()
    form = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, 2822400, 1, 8 * 4096, 4096, 0)
    head = b"DSD " + struct.pack("<QQQ", 28, 28 + 52 + 12 + 4096, 0)
    data = head + form + b"data" + struct.pack("<Q", 12 + 4096) + sound
    assert walk(data).container == "dsf"
    assert_explained(data)
    assert_found(data + PAYLOAD)


def test_an_asf_header_alone_is_explained_or_not_but_never_wrong() -> None:
    assert_found(HEADER + struct.pack("<QIH", 30 + len(PAYLOAD), 1, 0x201) + PAYLOAD)
