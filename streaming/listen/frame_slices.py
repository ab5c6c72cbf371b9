"""Slices of an endless MP3 or AAC (ADTS): chains of frames, each of a known length and time.

A slice is cut behind its last whole frame, and the rest goes before the next one, and a few frames with it: a frame's
sound depends on those before it (MP3's bit reservoir, AAC's overlap), without which decoders leave frames out. What a
slice lasts is the time of its new frames, whatever the decoder made of them, so positions do not drift, however long
the stream.
"""

from __future__ import annotations

from streaming.listen.slices import Part, Rest, Slice
from udfs.container import adts, mpeg_audio
from udfs.container.frame_chain import FrameFormat, find_chain

KIND = "frames"
CHAINS = (mpeg_audio.FRAMES, adts.FRAMES)
LONGEST_REST = 1 << 14
SEARCHED = 1 << 16  # bytes at the front of a chunk in which a chain of frames has to begin
LEAD_FRAMES = 12  # MP3's reservoir reaches 511 bytes back, which are ten frames of the lowest bit rates
MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def cut_frames(data: bytes, rest: Rest) -> Slice | None:
    """Cut a slice of a chain of frames behind its last whole frame; None for whatever else it is."""
    for frames in CHAINS:
        if rest.kind == KIND and (joined := _walk(rest.data + data, 0, frames, rest.heard)) is not None:
            return joined
        at = find_chain(data[:SEARCHED], frames, 0)
        if at >= 0 and (alone := _walk(data, at, frames, 0)) is not None:
            return alone
    return None


def _walk(data: bytes, first: int, frames: FrameFormat, heard: int) -> Slice | None:
    """Walk a chain to its end, of which so many frames were heard before; None where it breaks off on the way."""
    starts = [first]
    at = first
    while (length := frames.length(data, at)) and at + length <= len(data) and frames.same_stream(data, first, at):
        at += length
        starts.append(at)
    left = data[at:]
    whole = len(starts) - 1
    headless = len(left) < 10  # a header may be cut, too
    if len(left) > LONGEST_REST or not (headless or frames.length(data, at)) or whole < heard:
        return None
    new = sum(frame_seconds(data, start) for start in starts[heard:-1] if not _tells_only(data, start))
    lead = max(0, whole - LEAD_FRAMES)
    parts = (Part(_counted(data[first:at], whole, frames), new),) if new else ()
    return Slice(parts, Rest(KIND, data=data[starts[lead] :], heard=whole - lead))


def _counted(data: bytes, whole: int, frames: FrameFormat) -> bytes:
    """Put a frame before a slice of MP3 that says how many follow, as encoders do (the Xing header).

    Without it decoders take the first frame's bit rate for that of all, and stop where the sound would end by that.
    """
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    if layer != 3:
        return data
    header = bytes([data[0], data[1] | 1, data[2] & 0x0D | 0x80, data[3]])  # no checksum, no padding, 64 kbit/s or more
    mono = data[3] >> 6 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    frame = header + bytes(side) + b"Xing" + (1).to_bytes(4) + whole.to_bytes(4)
    return frame.ljust(frames.length(header, 0), b"\0") + data


def _tells_only(data: bytes, at: int) -> bool:
    """Whether a frame holds numbers about the stream and no sound."""
    return any(word in data[at : at + 64] for word in (b"Xing", b"Info", b"VBRI"))


def frame_seconds(data: bytes, at: int) -> float:
    """Give the time of a frame by its header (ISO/IEC 11172-3, 13818-3, 13818-7)."""
    second, third = data[at + 1], data[at + 2]
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    if layer == 4:  # ADTS has 00 there
        return 1024 * (1 + (data[at + 6] & 3)) / ADTS_RATES[min(third >> 2 & 15, 12)]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    return samples / MPEG_RATES[version][third >> 2 & 3]
