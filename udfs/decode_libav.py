"""Read M4A/AAC, MPEG-TS and whatever else FFmpeg's libraries read that is sound, through PyAV."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from typing import IO, Any

import av
import av.error
import numpy as np
from av.stream import Discard

from udfs.decode_libsndfile import NotReadError
from udfs.samples import BLOCK_SAMPLES, Samples, SampleStream, known_tags

# Demuxers that may probe an upload, by FFmpeg's names. Its other demuxers read playlists (which open other files),
# images, text art, subtitles, game archives and headerless dumps that almost any bytes pass for.
DEMUXERS = {
    "mov": "mp4",
    "aac": "adts",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
    "matroska": "matroska",
    "mp3": "mp3",
    "wav": "wav",
    "w64": "w64",
    "aiff": "aiff",
    "flac": "flac",
    "ogg": "ogg",
    "caf": "caf",
    "au": "au",
    "asf": "asf",
    "avi": "avi",
    "flv": "flv",
    "amr": "amr",
    "ape": "ape",
    "wv": "wavpack",
    "tta": "tta",
    "tak": "tak",
    "mpc": "musepack",
    "mpc8": "musepack",
    "dsf": "dsf",
    "ac3": "ac3",
    "eac3": "eac3",
    "dts": "dts",
    "loas": "loas",
    "gsm": "gsm",
    "aea": "aea",
    "oma": "oma",
}
# Codecs whose decoded integers are the samples that were encoded; the rest is handed on as float32.
LOSSLESS = {"alac", "flac", "ape", "wavpack", "tta", "tak", "mlp", "truehd", "shorten", "wmalossless"}
MAX_BAD_PACKETS = 1000  # after so many in a row that do not decode, the rest of the stream is given up


def open_stream(source: IO[bytes]) -> SampleStream:
    """Open the first audio stream of a seekable binary file; its other streams are left unread.

    Raises
    ------
    NotReadError
        No demuxer knows the file, it has no audio stream, or no decoder makes a single frame of that stream.
    """
    options = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": ""}
    try:
        container = av.open(source, mode="r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise NotReadError(f"FFmpeg: {_message(error)}") from error
    try:
        return _describe(container)
    except (av.error.FFmpegError, ValueError, LookupError, OSError) as error:
        container.close()
        raise NotReadError(f"FFmpeg: {_message(error)}") from error


def open_ogg_in_wave(source: IO[bytes]) -> SampleStream:
    """Open a WAVE whose samples are an Ogg file, as old editors wrote them; raises `NotReadError` for any other."""
    head = source.read(4096)
    start = head.find(b"OggS")
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE" or head[start - 8 : start - 4] != b"data":
        raise NotReadError("no Ogg in a WAVE")
    source.seek(start)
    stream = open_stream(io.BytesIO(source.read()))
    stream.container = "wav"
    return stream


def _message(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)


def _describe(container: Any) -> SampleStream:
    if not container.streams.audio:
        raise ValueError("no audio stream")
    audio = container.streams.audio[0]
    if audio.codec_context is None:
        raise ValueError("no decoder for its sound")
    for other in container.streams:
        if other.index != audio.index:
            other.discard = Discard.all
    audio.codec_context.thread_count = 1
    problems: list[tuple[str, str]] = []
    frames = _decode_packets(container, audio, problems)
    first = next(frames, None)
    if first is None:
        raise ValueError(problems[0][1] if problems else "no frame of sound")
    codec = audio.codec_context.codec.canonical_name
    bits = _integer_bits(codec, first.format.name.removesuffix("p"), bytes(audio.codec_context.extradata or b""))
    stream = SampleStream(
        container=DEMUXERS.get(container.format.name.split(",")[0], "other"),
        codec=re.sub(r"^(pcm_[suf]\d+)[lb]e$", r"\1", codec),
        sample_rate=first.sample_rate,
        channels=first.layout.nb_channels,
        bits_per_sample=bits,
        blocks=iter(()),
        problems=problems,
        tags=known_tags(_lower_case(container.metadata) | _lower_case(audio.metadata)),
    )
    stream.blocks = _join_frames(container, itertools.chain([first], frames), stream)
    return stream


def _lower_case(metadata: dict[str, str]) -> dict[str, str]:
    """FFmpeg's names are those of each format, in any case."""
    names = {"track": "tracknumber", "year": "date"}
    lower = {str(name).lower(): text for name, text in metadata.items()}
    return {names.get(name, name): text for name, text in lower.items()}


def _decode_packets(container: Any, audio: Any, problems: list[tuple[str, str]]) -> Iterator[Any]:
    """Decode packet after packet, passing over those that do not decode, as a player does."""
    bad, bad_in_a_row, why = 0, 0, ""
    packets = container.demux(audio)
    while bad_in_a_row < MAX_BAD_PACKETS:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            yield from packet.decode()
            bad_in_a_row = 0
        except LookupError:  # a packet of a stream that began behind what was probed: PyAV has no such stream
            packets = container.demux(audio)
            bad_in_a_row += 1
        except av.error.EOFError:
            break
        except (av.error.FFmpegError, ValueError) as error:
            bad, bad_in_a_row, why = bad + 1, bad_in_a_row + 1, why or _message(error)
    if bad:
        problems.append(("decode.damaged", f"{bad} packets do not decode: {why}"))


def _integer_bits(codec: str, sample_format: str, extradata: bytes) -> int | None:
    """Bits of a sample where the decoded integers are the very samples that were encoded, else None."""
    if sample_format not in ("u8", "s16", "s32") or not (codec in LOSSLESS or codec.startswith("pcm_")):
        return None
    if codec == "alac" and len(extradata) >= 18:
        return min(int(extradata[17]), 32)
    if codec == "flac" and len(extradata) >= 34:
        return min(((extradata[12] & 1) << 4 | extradata[13] >> 4) + 1, 32)
    declared = re.fullmatch(r"pcm_[su](8|16|24|32)[lb]?e?", codec)
    return int(declared[1]) if declared else {"u8": 8, "s16": 16, "s32": 32}[sample_format]


def _join_frames(container: Any, frames: Iterator[Any], stream: SampleStream) -> Iterator[Samples]:
    """Join a codec's small frames to blocks."""
    pending: list[Samples] = []
    size = 0
    with container:
        for frame in frames:
            if frame.layout.nb_channels != stream.channels or frame.sample_rate != stream.sample_rate:
                stream.problems.append(("decode.format_changes", "rate or channels change; decoded as far as that"))
                break
            pending.append(_as_samples(frame, stream))
            size += pending[-1].size
            if size >= BLOCK_SAMPLES:
                yield np.concatenate(pending)
                pending, size = [], 0
        if pending:
            yield np.concatenate(pending)


def _as_samples(frame: Any, stream: SampleStream) -> Samples:
    """One frame as (frames, channels): integers right-aligned where the stream is lossless, else float32."""
    packed = frame.to_ndarray()
    samples = packed.T if frame.format.is_planar else packed.reshape(-1, stream.channels)
    kind = frame.format.name.removesuffix("p")
    if stream.bits_per_sample is not None:
        return _right_aligned(samples, kind, stream.bits_per_sample)
    if kind == "u8":
        return np.asarray((samples.astype(np.float32) - 128) / 128, np.float32)
    if samples.dtype.kind == "i":
        return np.asarray(samples * 2.0 ** (1 - 8 * samples.dtype.itemsize), np.float32)
    return np.array(samples, np.float32)


def _right_aligned(samples: Samples, kind: str, bits: int) -> Samples:
    if kind == "u8":
        return np.asarray(samples.astype(np.int16) - 128)
    width = 16 if kind == "s16" else 32
    return np.asarray(samples >> (width - bits)) if bits < width else samples.copy()
