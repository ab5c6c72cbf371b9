"""Makers of mocks, one for each family of docs/forensics.md that lives in the samples (a-e, k)."""

from __future__ import annotations

import base64
import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile as sf
from forensics_sources import Sound, find_payload, music

RATES = (8000, 11025, 16000, 22050, 44100, 44100, 44100, 48000)
KINDS = (
    "elf",
    "script",
    "text",
    "archive",
    "encrypted",
    "base64",
    "base64_xor",
    "zip",
    "chunk",
    "xor",
    "picture",
    "pdf",
)


@dataclass(frozen=True)
class Case:
    """One file of a corpus. `family` is a letter of docs/forensics.md, or ``real``; `detail` says how it was made."""

    family: str
    detail: str
    data: bytes
    suffix: str = ".wav"


@dataclass(frozen=True)
class Maker:
    """Where a family's makers take their chance, recordings and parameters from."""

    split: str
    dice: random.Random

    @property
    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.dice.getrandbits(64))


def write(sound: Sound | np.ndarray, rate: int, subtype: str = "PCM_16", container: str = "WAV") -> bytes:
    """Write a file with libsndfile and give its bytes."""
    out = io.BytesIO()
    sf.write(out, sound, rate, format=container, subtype=subtype)
    return out.getvalue()


def lossless(dice: random.Random, widths: tuple[str, ...] = ("PCM_16", "PCM_16", "PCM_24")) -> tuple[str, str]:
    """A random lossless subtype and container."""
    subtype = dice.choice(widths)
    containers = ["WAV", "WAV", "AIFF", "FLAC"] if subtype in ("PCM_16", "PCM_24") else ["WAV", "WAV", "AIFF"]
    return subtype, dice.choice(containers)


def make_payload(maker: Maker, kind: str, length: int) -> bytes:
    """A payload of one of `KINDS`."""
    split, dice = maker.split, maker.dice
    if kind == "encrypted":
        return maker.generator.bytes(length)
    if kind == "base64":
        return base64.b64encode(find_payload(split, dice, dice.choice(["elf", "archive", "text"]), length * 3 // 4))
    if kind == "base64_xor":
        body = find_payload(split, dice, "elf", length * 3 // 4)
        return base64.b64encode(xor(body, maker.generator.bytes(dice.choice([1, 1, 4, 16]))))
    if kind == "xor":
        return xor(find_payload(split, dice, "elf", length), maker.generator.bytes(dice.choice([1, 4, 8])))
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, inside in (("invoice.js", "text"), ("setup.exe", "elf")):
                member = zipfile.ZipInfo(name)  # with a time of its own, not of today: a seed makes the same file again
                archive.writestr(member, find_payload(split, dice, inside, length * 2), zipfile.ZIP_DEFLATED)
        return out.getvalue()
    if kind == "chunk":
        while True:
            body = find_payload(split, dice, "elf", length * 3)
            body = body[len(body) // 3 :]
            if max(map(body.count, set(body))) < 0.9 * len(body):  # one byte over and over is no payload
                return body
    if kind == "picture":
        return make_bmp(maker, length)
    if kind == "pdf":
        stream = find_payload(split, dice, "archive", length)
        length_field = str(len(stream)).encode()
        return b"%PDF-1.5\n1 0 obj<</Length " + length_field + b">>stream\n" + stream + b"\nendstream endobj\n%%EOF\n"
    return find_payload(split, dice, kind, length)


def make_bmp(maker: Maker, length: int) -> bytes:
    """An uncompressed picture with gradients and noise."""
    side = max(16, int((length / 3) ** 0.5) // 4 * 4)
    y, x = np.mgrid[0:side, 0:side]
    pixels = np.stack([x * 255 // side, y * 255 // side, (x + y) * 127 // side], -1) + maker.generator.integers(
        0, 9, (side, side, 3)
    )
    size = 54 + side * side * 3
    header = b"BM" + size.to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    header += side.to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24)
    return header + (pixels & 255).astype(np.uint8).tobytes()


def xor(data: bytes, key: bytes) -> bytes:
    codes = np.frombuffer(data, np.uint8)
    return (codes ^ np.resize(np.frombuffer(key, np.uint8), len(codes))).tobytes()


def any_payload(maker: Maker, least: int = 3000, most: int = 250_000) -> tuple[bytes, str]:
    """A payload of any kind, with its length on a logarithmic scale."""
    kind = maker.dice.choice(KINDS)
    length = int(np.exp(maker.dice.uniform(np.log(least), np.log(most))))
    return make_payload(maker, kind, length), kind


def codes_of(data: bytes) -> Sound:
    return np.frombuffer(data, np.uint8).astype(np.float64)


def legacy_text(maker: Maker) -> Case:
    """a: characters as sample values, at many scales and in many formats."""
    dice = maker.dice
    kind = dice.choice(["text", "text", "script", "base64"])
    data = make_payload(maker, kind, int(np.exp(dice.uniform(np.log(1000), np.log(200_000)))))
    values, rate = codes_of(data), dice.choice(RATES)
    how = dice.choice(
        [
            "plain float",
            "plain double",
            "/255",
            "/128-1",
            "normalised",
            "int16 plain",
            "int16 scaled",
            "clipped",
            "aiff",
            "u8",
        ]
    )
    detail = f"{kind} {how} {rate}"
    if how in ("plain float", "plain double"):
        return Case("a", detail, write(values, rate, "FLOAT" if how == "plain float" else "DOUBLE"))
    if how == "int16 plain":
        return Case("a", detail, write(values.astype(np.int16), rate))
    if how == "clipped":
        return Case("a", detail, write(np.maximum(values, 1), rate))
    if how == "u8":
        return Case("a", detail, write((values - 128) / 128, rate, "PCM_U8"))
    scaled = {
        "/255": values / 255,
        "/128-1": values / 128 - 1,
        "normalised": (values - values.mean()) / (np.abs(values - values.mean()).max() + 1e-9),
        "int16 scaled": values / 127 * dice.uniform(0.2, 1),
        "aiff": values / 256 * dice.uniform(0.3, 1),
    }[how]
    subtype, container = lossless(dice, ("PCM_16", "PCM_24", "FLOAT"))
    return Case(
        "a", detail + f" {subtype} {container}", write(scaled, rate, subtype, "AIFF" if how == "aiff" else container)
    )


def raw_bytes(maker: Maker) -> Case:
    """b: a file's bytes as PCM of some width."""
    data, kind = any_payload(maker)
    return Case("b", *pcm_file(maker, data, kind))


def pcm_file(maker: Maker, data: bytes, kind: str) -> tuple[str, bytes]:
    """`data` as the sample bytes of a file, and how."""
    dice = maker.dice
    rate, channels = dice.choice(RATES), dice.choice([1, 1, 2])
    subtype, container = dice.choice(
        [
            ("PCM_U8", "WAV"),
            ("PCM_S8", "AIFF"),
            ("PCM_16", "WAV"),
            ("PCM_16", "WAV"),
            ("PCM_16", "AIFF"),
            ("PCM_16", "FLAC"),
            ("PCM_24", "WAV"),
            ("PCM_24", "FLAC"),
            ("PCM_32", "WAV"),
            ("FLOAT", "WAV"),
            ("DOUBLE", "WAV"),
            ("ULAW", "WAV"),
        ]
    )
    width = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1}[
        subtype
    ]
    data = data[: len(data) // (width * channels) * width * channels]
    detail = f"{kind} {len(data)} {subtype} {container} {channels}ch"
    if container == "WAV" and width in (1, 4, 8):
        silent = write(np.zeros((len(data) // width // channels, channels)), rate, subtype)
        return detail, silent[: len(silent) - len(data)] + data
    if container == "WAV" or container == "FLAC" or container == "AIFF":
        raw = np.frombuffer(data, np.uint8)
        if width == 1:
            values = raw.view(np.int8).astype(np.int32) << 24
        else:
            padded = np.zeros((len(raw) // width, 4), np.uint8)
            padded[:, 4 - width :] = raw.reshape(-1, width)
            values = padded.view("<i4")[:, 0]
        return detail, write(values.reshape(-1, channels).astype(np.int32), rate, subtype, container)
    raise AssertionError(container)


def mapped_bytes(maker: Maker) -> Case:
    """c: bytes scaled, offset, centred, spread over channels, differenced or summed."""
    dice = maker.dice
    data, kind = any_payload(maker)
    how = dice.choice(
        [
            "scaled8",
            "offset8",
            "centred8",
            "scaled16",
            "two channels",
            "halves",
            "difference",
            "sum",
            "sum16",
            "reversed",
        ]
    )
    rate, gain = dice.choice(RATES), dice.uniform(0.1, 0.95)
    values = codes_of(data)
    subtype, container = lossless(dice, ("PCM_16", "PCM_16", "PCM_24", "FLOAT"))
    if how == "scaled8":
        sound = (values - 128) / 128 * gain
    elif how == "offset8":
        sound = (values - 128) / 128 * min(gain, 0.6) + dice.uniform(-0.3, 0.3)
    elif how == "centred8":
        sound = (values - values.mean()) / 256 * gain
    elif how == "scaled16":
        sound = np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768 * gain
    elif how == "two channels":
        sound = ((values[: len(values) // 2 * 2] - 128) / 128 * gain).reshape(-1, 2)
    elif how == "halves":
        half = len(values) // 2
        sound = (np.stack([values[:half], values[half : 2 * half]], 1) - 128) / 128 * gain
    elif how == "difference":
        sound = np.diff(values, prepend=0) / 256 * gain
    elif how == "sum":
        sound = ((np.cumsum(values) % 256) - 128) / 128 * gain
    elif how == "sum16":
        whole = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
        return Case("c", f"{kind} sum16", write(np.cumsum(whole, dtype=np.int16), rate))
    else:
        sound = ((values - 128) / 128 * gain)[::-1]
    return Case("c", f"{kind} {len(data)} {how} {subtype} {container}", write(sound, rate, subtype, container))


def tiled(maker: Maker) -> Case:
    """d: a short payload repeated to fill the length."""
    dice = maker.dice
    data, kind = any_payload(maker, 200, 20_000)
    times = max(2, int(dice.uniform(2, 6) * 44100 / max(len(data), 1)))
    tiles = (data * times)[: dice.choice([100_000, 200_000, 400_000])]
    if dice.random() < 0.5:
        return Case("d", "tiled " + kind, pcm_file(maker, tiles, kind)[1])
    return Case(
        "d", f"tiled scaled {kind} {len(data)}", write((codes_of(tiles) - 128) / 128 * dice.uniform(0.2, 0.9), 44100)
    )


def symbols(maker: Maker) -> Case:
    """e: bytes held for several samples, nibbles or bits a sample, a carrier keyed on and off."""
    dice = maker.dice
    data, kind = any_payload(maker, 400, 20_000)
    rate, gain = dice.choice(RATES), dice.uniform(0.2, 0.9)
    how = dice.choice(["held", "nibbles", "bits", "held bits", "2 bits", "on-off", "held nibbles"])
    raw = np.frombuffer(data, np.uint8)
    bits = np.unpackbits(raw, bitorder=dice.choice(["big", "little"])).astype(np.float64)
    nibbles = np.stack([raw >> 4, raw & 15], 1).reshape(-1).astype(np.float64)
    hold = dice.choice([2, 3, 4, 5, 8, 10, 16, 20])
    sound = {
        "held": lambda: np.repeat((raw.astype(np.float64) - 128) / 128, hold),
        "nibbles": lambda: nibbles / 7.5 - 1,
        "bits": lambda: bits * 2 - 1,
        "held bits": lambda: np.repeat(bits[:40_000] * 2 - 1, hold),
        "2 bits": lambda: (bits.reshape(-1, 2) @ [2, 1]) / 1.5 - 1,
        "held nibbles": lambda: np.repeat(nibbles / 7.5 - 1, hold),
        "on-off": lambda: on_off(maker, bits, rate),
    }[how]()
    subtype, container = lossless(dice, ("PCM_16", "PCM_16", "PCM_24", "FLOAT"))
    return Case(
        "e",
        f"{kind} {len(data)} {how} x{hold} {rate} {subtype}",
        write(sound[: 30 * rate] * gain, rate, subtype, container),
    )


def on_off(maker: Maker, bits: Sound, rate: int) -> Sound:
    baud = maker.dice.choice([100, 300, 600, 1200])
    samples = max(4, rate // baud)
    carrier = np.sin(
        2 * np.pi * maker.dice.choice([800, 1000, 1500, 2000, 3000]) * np.arange(len(bits[:20_000]) * samples) / rate
    )
    return np.repeat(bits[:20_000], samples) * carrier


def carrier16(maker: Maker, seconds: float = 12.0) -> tuple[np.ndarray, int]:
    """Music as int16, as a store's uploads are."""
    sound, rate = music(maker.split, maker.dice, seconds)
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16), rate


def least_bits(maker: Maker) -> Case:
    """k: 1, 2 or 4 low bits of a recording replaced."""
    dice = maker.dice
    sound, rate = carrier16(maker)
    depth = dice.choice([1, 1, 2, 4])
    share = dice.choice([1.0, 1.0, 0.5, 0.25])
    room = int(sound.size * share) * depth // 8
    kind = dice.choice(["encrypted", "encrypted", "text", "elf", "zip", "script", "base64"])
    data = make_payload(maker, kind, room)
    data = (data * (room // len(data) + 1))[:room] if kind != "encrypted" and dice.random() < 0.5 else data[:room]
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder=dice.choice(["big", "little"]))
    bits = bits[: len(bits) // depth * depth].reshape(-1, depth)
    low = bits @ (1 << np.arange(depth)[::-1])
    flat = sound.reshape(-1).copy()
    flat[: len(low)] = (flat[: len(low)] & ~((1 << depth) - 1)) | low.astype(np.int16)
    return Case(
        "k",
        f"{kind} {depth} bit {share} fill {len(low) / flat.size:.2f}",
        write(flat.reshape(sound.shape), rate, "PCM_16", dice.choice(["WAV", "FLAC"])),
    )


SAMPLE_FAMILIES: dict[str, Callable[[Maker], Case]] = {
    "a": legacy_text,
    "b": raw_bytes,
    "c": mapped_bytes,
    "d": tiled,
    "e": symbols,
    "k": least_bits,
}
