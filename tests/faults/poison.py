"""Poison: a record for each branch of the parser, and tracks that lie, explode, or are absurd."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import zlib
from functools import cache
from hashlib import sha256

import numpy as np
import soundfile
from audio_files import apic, by_soundfile, chunk, flac, id3, ogg_in_a_wave, picture_block, png, wave

from streaming import chunk_pb2
from streaming.chunk import DEFAULT_LIMITS, MIB
from streaming.rejections import Code

# What a record of ten MiB at most can not be: a payload of over ten. The parser holds it for other limits.
UNREACHABLE = {Code.PAYLOAD_TOO_LARGE}
UPLOAD = bytes(range(1, 17))
PAYLOAD = b"some of a track"


def v1(**changes: object) -> bytes:
    """Encode the middle chunk of three, changed; None clears a field."""
    fields: dict[str, object] = {
        "upload_id": UPLOAD,
        "index": 1,
        "count": 3,
        "encoding": chunk_pb2.ENCODING_F32LE,
        "compression": chunk_pb2.COMPRESSION_NONE,
        "sample_rate": 44_100,
        "channels": 2,
        "payload": PAYLOAD,
        "crc32": zlib.crc32(PAYLOAD),
    }
    message = chunk_pb2.Chunk()
    for name, value in {**fields, **changes}.items():
        if value is not None:
            setattr(message, name, value)
    return b"SG\x01" + message.SerializeToString()


def legacy(label: str = "0", **changes: object) -> bytes:
    """Write a legacy slice, changed."""
    body = {"Track Name": "n", "Sample Rate": 44_100, "Wave": base64.b64encode(PAYLOAD).decode()}
    return json.dumps({label: {**body, **changes}}).encode()


def poisonous_records() -> list[tuple[Code, str, bytes]]:
    """Give (code, partition key, bytes), at least one for each code of the parser."""
    most, key = DEFAULT_LIMITS.max_chunks, "eve/poison"
    by_code: list[tuple[Code, bytes]] = [
        (Code.UNKNOWN_FORMAT, b""),
        (Code.UNKNOWN_FORMAT, b"SG"),
        (Code.UNKNOWN_FORMAT, b"RIFF\0\0\0\0WAVEfmt "),
        (Code.UNSUPPORTED_VERSION, b"SG\x02\x0a\x10"),
        (Code.RECORD_TOO_LARGE, legacy(Wave="A" * MIB)),
        (Code.PROTOBUF, b"SG\x01\x0a\x10" + UPLOAD + b"\xff\xff"),
        (Code.UPLOAD_ID, v1(upload_id=b"short")),
        (Code.UPLOAD_ID, v1(upload_id=bytes(16))),
        (Code.UPLOAD_ID_NOT_FIRST, b"SG\x01" + v1(upload_id=None)[3:] + v1()[3:21]),
        (Code.JSON, b'{"0": NaN}'),
        (Code.JSON, b"{" * 5_000),
        (Code.JSON, b'{"0": "\xff"}'),
        (Code.JSON, b'{"0": 1, "0": 2}'),
        (Code.LEGACY_LABEL, b"{}"),
        (Code.LEGACY_LABEL, legacy("one")),
        (Code.LEGACY_FIELDS, b'{"0": {"Wave": "AAAA"}}'),
        (Code.LEGACY_FIELDS, b'{"0": []}'),
        (Code.TRACK_NAME, legacy(**{"Track Name": "n" * 2_000})),
        (Code.BASE64, legacy(Wave="?")),
        (Code.BASE64, legacy(Wave="\u202e")),
        (Code.INDEX, legacy("100000")),
        (Code.INDEX, v1(index=-1)),
        (Code.INDEX, v1(index=most, count=0)),
        (Code.COUNT, v1(count=most + 1)),
        (Code.INDEX_BEYOND_COUNT, v1(index=3)),
        (Code.ENCODING, v1(encoding=0)),
        (Code.COMPRESSION, v1(compression=0)),
        (Code.SAMPLE_RATE, v1(sample_rate=0)),
        (Code.SAMPLE_RATE, legacy().replace(b"44100", b"1e999")),  # which Python reads as infinity
        (Code.CHANNELS, v1(channels=65)),
        (Code.EMPTY_PAYLOAD, v1(payload=b"", crc32=0)),
        (Code.EMPTY_PAYLOAD, legacy(Wave="")),
        (Code.CRC32, v1(crc32=1)),
        (Code.CRC32, v1(crc32=None)),
        (Code.TRACK_DIGEST, v1(index=2)),
        (Code.TRACK_DIGEST, v1(track_bytes=1)),
        (Code.TRACK_DIGEST, v1(index=2, track_bytes=0, track_sha256=bytes(32))),
        (Code.TRACK_DIGEST, v1(index=2, track_bytes=1, track_sha256=b"short")),
    ]
    return [
        *((code, key, data) for code, data in by_code),
        (Code.PARTITION_KEY, "", v1()),
        (Code.PARTITION_KEY, "k" * 300, v1()),
    ]


def of_frames(samples: np.ndarray, rate: int = 44_100, container: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """Write samples as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and whose data inflate to nothing but zeros."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(4 * MIB), 9)
    parts = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@cache
def poisonous_tracks() -> dict[str, bytes]:
    """Give files by what is wrong with them; each is one upload."""
    honest, mp3 = wave(), by_soundfile("MP3", "MPEG_LAYER_III", 2.0)
    bomb = png_that_claims(60_000, 60_000)
    silence = of_frames(np.zeros((3_000_000, 1), np.int16), 1_000, "FLAC")
    return {
        "a RIFF that claims four gigabytes": wave(data_size=0xFFFFFFFF),
        "a chunk that claims two gigabytes": honest + b"LIST\xff\xff\xff\x7f",
        "a fmt chunk without channels": honest[:22] + b"\0\0" + honest[24:],
        "a rate of zero": honest[:24] + bytes(4) + honest[28:],
        "a header alone": honest[:44],
        "no frame": of_frames(np.zeros((0, 1), np.int16)),
        "one sample": of_frames(np.array([0.5])),
        "a rate of 384 kHz": of_frames(np.sin(np.arange(38_400) / 40), 384_000),
        "64 channels": of_frames(np.tile(np.sin(np.arange(4_000) / 9)[:, None], (1, 64)), 44_100, "WAV", "PCM_16"),
        "an hour of silence in FLAC": silence,
        "a FLAC cut in its middle": by_soundfile("FLAC", "PCM_16")[:5_000],
        "a FLAC whose block claims all": b"fLaC\x84\xff\xff\xff" + by_soundfile("FLAC", "PCM_16")[8:],
        "a picture bomb in FLAC": flac((6, picture_block(bomb, b"image/png"))),
        "a picture bomb in ID3": id3(apic(bomb)) + mp3,
        "an archive behind the sound": honest + gzip.compress(bytes(range(256)) * 400, mtime=0),
        "an Ogg in a WAVE": ogg_in_a_wave(),
        "a picture": png(),
        "a chunk called SMPL of nothing but lies": wave(chunk(b"smpl", b"\xff" * 60)),
        "zeros": bytes(100_000),
        "one byte": b"\xff",
        "infinite boxes": b"\0\0\0\0ftypM4A " * 1_000,
    }


@cache
def poisonous_samples() -> dict[str, tuple[bytes, int, int]]:
    """Give (float32 bytes, rate, channels) by what is wrong with them."""
    sound = (0.3 * np.sin(np.arange(44_100) / 20)).astype("<f4")
    dirty = sound.copy()
    dirty[100:200], dirty[300:400], dirty[500:600] = np.nan, np.inf, -np.inf
    return {
        "not finite in places": (dirty.tobytes(), 44_100, 1),
        "nothing but NaN": (np.full(44_100, np.nan, "<f4").tobytes(), 44_100, 1),
        "nothing but infinity": (np.full(44_100, np.inf, "<f4").tobytes(), 44_100, 1),
        "numbers near the largest": (np.full(44_100, 3e38, "<f4").tobytes(), 44_100, 1),
        "subnormal numbers": (np.full(44_100, 1e-42, "<f4").tobytes(), 44_100, 1),
        "half a frame too much": (sound.tobytes() + b"\0\0", 44_100, 1),
        "one frame": (bytes(4), 1_000, 1),
        "one frame of 64 channels": (bytes(256), 768_000, 64),
    }


def digest(data: bytes) -> str:
    """SHA-256 as the tables have it."""
    return sha256(data).hexdigest()
