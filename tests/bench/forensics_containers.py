"""Makers of families g-j and m, which live in the file around the sound, and of odd but honest files."""

from __future__ import annotations

import base64
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

import av
import numpy as np
from forensics_mocks import KINDS, Case, Maker, any_payload, codes_of, make_payload, write
from forensics_sources import Sound, music


def id3v2(frames: list[tuple[bytes, bytes]]) -> bytes:
    """An ID3v2.3 tag of frames (name, body)."""
    body = b"".join(name + len(data).to_bytes(4, "big") + b"\0\0" + data for name, data in frames)
    size = len(body)
    return b"ID3\3\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0)) + body


def picture(dice: random.Random, side: int = 64) -> bytes:
    """A real PNG."""
    rows = b"".join(b"\0" + dice.randbytes(3 * side) for _ in range(side))

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def with_chunks(wav: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """A WAV with chunks before its data chunk and at its tail, sizes put right."""
    at = wav.index(b"data")
    whole = wav[:at] + before + wav[at:] + bytes(len(wav) % 2) + after
    return whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]


def flac_block(kind: int, data: bytes) -> bytes:
    return bytes([kind]) + len(data).to_bytes(3, "big") + data


def with_flac_blocks(flac: bytes, *blocks: bytes) -> bytes:
    """A FLAC file with metadata blocks put behind its first one."""
    return (
        flac[:42] + b"".join(blocks) + flac[42:]
        if not flac[4] & 0x80
        else flac[:4]
        + b"\0"
        + flac[5:42]
        + b"".join(blocks[:-1])
        + bytes([blocks[-1][0] | 0x80])
        + blocks[-1][1:]
        + flac[42:]
    )


def vorbis_comment(*comments: bytes) -> bytes:
    body = struct.pack("<I", 4) + b"test" + struct.pack("<I", len(comments))
    return body + b"".join(struct.pack("<I", len(comment)) + comment for comment in comments)


def m4a(sound: Sound, rate: int) -> bytes:
    """AAC in MP4, through FFmpeg's libraries."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        samples = np.ascontiguousarray(sound[:, :1].T.astype(np.float32))
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return out.getvalue()


def carriers(maker: Maker) -> dict[str, Callable[[], bytes]]:
    """The same music in the containers that stores take."""
    sound, rate = music(maker.split, maker.dice, 5)
    sound = sound[:, :2]
    standard = rate if rate in (8000, 16000, 22050, 32000, 44100, 48000) else 44100
    return {
        ".wav": lambda: write(sound, rate),
        ".flac": lambda: write(sound, rate, "PCM_16", "FLAC"),
        ".ogg": lambda: write(sound, rate, "VORBIS", "OGG"),
        ".mp3": lambda: write(sound, standard, "MPEG_LAYER_III", "MP3"),
        ".aiff": lambda: write(sound, rate, "PCM_16", "AIFF"),
        ".m4a": lambda: m4a(sound, standard),
    }


def trailing(maker: Maker) -> Case:
    """g: a payload behind the end of the audio."""
    suffix, make = maker.dice.choice(list(carriers(maker).items()))
    data, kind = any_payload(maker, 500)
    return Case("g", f"{kind} {len(data)} behind {suffix}", make() + data, suffix)


def in_metadata(maker: Maker) -> Case:
    """h: a payload in a tag, an unknown chunk, padding."""
    dice = maker.dice
    data, kind = any_payload(maker, 2000, 100_000)
    made = carriers(maker)
    how = dice.choice(
        ["PRIV", "GEOB", "APIC", "riff", "riff before", "JUNK", "comment", "APPLICATION", "PADDING", "free", "udta"]
    )
    detail = f"{kind} {len(data)} in {how}"
    if how in ("PRIV", "GEOB", "APIC"):
        body = {
            "PRIV": b"com.example\0" + data,
            "GEOB": b"\0application/octet-stream\0a.bin\0x\0" + data,
            "APIC": b"\0image/png\0\3\0" + data,
        }[how]
        return Case("h", detail, id3v2([(b"TIT2", b"\0song"), (how.encode(), body)]) + made[".mp3"](), ".mp3")
    if how.startswith("riff"):
        chunk = riff_chunk(dice.choice([b"xtra", b"evil", b"DATA", b"abcd"]), data)
        wav = made[".wav"]()
        return Case("h", detail, with_chunks(wav, chunk) if "before" in how else with_chunks(wav, after=chunk))
    if how == "JUNK":
        return Case("h", detail, with_chunks(made[".wav"](), riff_chunk(b"JUNK", data)))
    if how == "comment":
        comment = vorbis_comment(b"TITLE=song", b"DATA=" + base64.b64encode(data))
        return Case("h", detail, with_flac_blocks(made[".flac"](), flac_block(4, comment)), ".flac")
    if how in ("APPLICATION", "PADDING"):
        block = flac_block(2, b"evil" + data) if how == "APPLICATION" else flac_block(1, data)
        return Case("h", detail, with_flac_blocks(made[".flac"](), block), ".flac")
    box = (len(data) + 8).to_bytes(4, "big") + how.encode() + data
    return Case("h", detail, made[".m4a"]() + box, ".m4a")


def polyglot(maker: Maker) -> Case:
    """i: a file that is sound and a ZIP, JAR, PDF or HTML page at once."""
    dice = maker.dice
    made = carriers(maker)
    how = dice.choice(["zip", "jar", "pdf", "html"])
    if how in ("zip", "jar"):
        out = io.BytesIO()
        suffix = dice.choice([".wav", ".mp3", ".flac", ".ogg"])
        out.write(made[suffix]())
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
            name = "META-INF/MANIFEST.MF" if how == "jar" else "setup.exe"
            archive.writestr(
                zipfile.ZipInfo(name), make_payload(maker, dice.choice(["elf", "text"]), 20_000), archive.compression
            )
        return Case("i", f"{how} {suffix}", out.getvalue(), suffix)
    if how == "pdf":
        return Case(
            "i", "pdf in a chunk", with_chunks(made[".wav"](), riff_chunk(b"JUNK", make_payload(maker, "pdf", 5000)))
        )
    page = b"<html><script>alert(document.domain)</script></html>"
    return Case(
        "i", "html in ID3", id3v2([(b"TIT2", b"\0" + page), (b"PRIV", b"x\0" + page * 20)]) + made[".mp3"](), ".mp3"
    )


def renamed(maker: Maker) -> Case:
    """j: another file under an audio name, or an audio header over something else."""
    dice = maker.dice
    data, kind = any_payload(maker, 500)
    suffix = dice.choice([".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aiff"])
    how = dice.choice(["renamed", "renamed", "bare magic", "size too small", "size too large"])
    if how == "renamed":
        return Case("j", f"{kind} {how} {suffix}", data, suffix)
    if how == "bare magic":
        magic = {
            ".wav": b"RIFF",
            ".mp3": b"ID3\3\0\0\0\0\0\0",
            ".flac": b"fLaC",
            ".ogg": b"OggS",
            ".m4a": b"\0\0\0 ftypM4A ",
            ".aiff": b"FORM",
        }
        return Case("j", f"{kind} {how} {suffix}", magic[suffix] + data, suffix)
    wav = carriers(maker)[".wav"]()
    at = wav.index(b"data")
    if how == "size too small":
        # The data chunk ends early; what follows is no chunk and no sound.
        whole = wav[: at + 8] + wav[at + 8 :][:4000] + data
        return Case("j", f"{kind} {how}", whole[: at + 4] + (4000).to_bytes(4, "little") + whole[at + 8 :])
    head = wav[: at + 4] + (0x7FFFFFF0).to_bytes(4, "little")
    return Case("j", f"{kind} {how}", head + data)


def through_codec(maker: Maker) -> Case:
    """m: bytes as samples, then a lossy codec: harmless."""
    data, kind = any_payload(maker, 20_000)
    sound = (codes_of(data) - 128) / 128 * 0.8
    if maker.dice.random() < 0.5:
        return Case("m", f"{kind} ogg", write(sound, 44100, "VORBIS", "OGG"), ".ogg")
    return Case("m", f"{kind} mp3", write(sound, 44100, "MPEG_LAYER_III", "MP3"), ".mp3")


ODD = (
    *("cover mp3", "lyrics mp3", "id3v1", "ape", "cover comment", "cover flac", "bext", "ixml", "junk", "fllr"),
    *("list tail", "id3 tail", "piped", "cut wav", "cut mp3", "cut flac", "cut ogg", "mid-frame", "padding flac"),
    *("m4a", "odd chunk", "priv"),
)


def odd_tags(maker: Maker) -> Case:
    """Real: cover art, lyrics, studio chunks, tags behind the end, pipes, cut downloads."""
    dice = maker.dice
    made = carriers(maker)
    art = picture(dice, dice.choice([32, 200, 700]))
    how = dice.choice(ODD)
    block = b"\0\0\0\3\0\0\0\x09image/png" + bytes(20) + len(art).to_bytes(4, "big") + art
    text = b"\n".join(b"la la la, line %d of the song" % i for i in range(60))
    apev2_body = struct.pack("<II", 6, 0) + b"Artist\0Singer"
    ape_head = b"APETAGEX" + struct.pack("<IIII8x", 2000, len(apev2_body) + 32, 1, 0)
    make: dict[str, Callable[[], tuple[bytes, str]]] = {
        "cover mp3": lambda: (
            id3v2([(b"TIT2", b"\0song"), (b"APIC", b"\0image/png\0\3\0" + art)]) + made[".mp3"](),
            ".mp3",
        ),
        "lyrics mp3": lambda: (
            id3v2([(b"USLT", b"\0eng\0" + text), (b"COMM", b"\0eng\0a comment")]) + made[".mp3"](),
            ".mp3",
        ),
        "priv": lambda: (id3v2([(b"PRIV", b"PeakValue\0\x12\x34\0\0"), (b"TIT2", b"\0song")]) + made[".mp3"](), ".mp3"),
        "id3v1": lambda: (made[".mp3"]() + b"TAG" + b"song".ljust(125, b"\0"), ".mp3"),
        "ape": lambda: (made[".mp3"]() + apev2_body + ape_head, ".mp3"),
        "cover comment": lambda: (
            with_flac_blocks(
                made[".flac"](), flac_block(4, vorbis_comment(b"METADATA_BLOCK_PICTURE=" + base64.b64encode(block)))
            ),
            ".flac",
        ),
        "cover flac": lambda: (with_flac_blocks(made[".flac"](), flac_block(6, block)), ".flac"),
        "padding flac": lambda: (with_flac_blocks(made[".flac"](), flac_block(1, bytes(8192))), ".flac"),
        "bext": lambda: (
            with_chunks(made[".wav"](), riff_chunk(b"bext", b"a take".ljust(256, b"\0") + bytes(346))),
            ".wav",
        ),
        "ixml": lambda: (
            with_chunks(made[".wav"](), after=riff_chunk(b"iXML", b"<BWFXML><NOTE>x</NOTE></BWFXML>")),
            ".wav",
        ),
        "junk": lambda: (with_chunks(made[".wav"](), riff_chunk(b"JUNK", bytes(dice.choice([28, 92, 4000])))), ".wav"),
        "fllr": lambda: (with_chunks(made[".wav"](), riff_chunk(b"FLLR", bytes(4044))), ".wav"),
        "odd chunk": lambda: (
            with_chunks(made[".wav"](), after=riff_chunk(b"acid", bytes(24)) + riff_chunk(b"smpl", bytes(36))),
            ".wav",
        ),
        "list tail": lambda: (
            with_chunks(made[".wav"](), after=riff_chunk(b"LIST", b"INFO" + riff_chunk(b"INAM", b"song\0"))),
            ".wav",
        ),
        "id3 tail": lambda: (
            with_chunks(made[".wav"](), after=riff_chunk(b"id3 ", id3v2([(b"TIT2", b"\0song")]))),
            ".wav",
        ),
        "piped": lambda: (
            (lambda w: w[:4] + b"\xff" * 4 + w[8 : w.index(b"data") + 4] + b"\xff" * 4 + w[w.index(b"data") + 8 :])(
                made[".wav"]()
            ),
            ".wav",
        ),
        "mid-frame": lambda: (made[".mp3"]()[dice.randint(100, 400) :], ".mp3"),
        "m4a": lambda: (made[".m4a"](), ".m4a"),
    }
    if how.startswith("cut"):
        suffix = "." + how.split()[1]
        whole = made[suffix]()
        return Case("real", f"tags {how}", whole[: int(len(whole) * dice.uniform(0.4, 0.95))], suffix)
    data, suffix = make[how]()
    return Case("real", f"tags {how}", data, suffix)


CONTAINER_FAMILIES: dict[str, Callable[[Maker], Case]] = {
    "g": trailing,
    "h": in_metadata,
    "i": polyglot,
    "j": renamed,
    "m": through_codec,
}
__all__ = ["CONTAINER_FAMILIES", "KINDS", "odd_tags"]
