"""Small audio files of every format, made from parts, for tests that look inside them."""

from __future__ import annotations

import base64
import io
import struct
from fractions import Fraction
from functools import cache, partial

import av
import numpy as np
import soundfile as sf

RATE = 44100
PAYLOAD = bytes(np.random.default_rng(7).integers(0, 256, 3000, dtype=np.uint8))  # what somebody wants to hide


def sound(seconds: float = 0.5, channels: int = 2, rate: int = RATE) -> np.ndarray:
    """Two tones in a little noise, float64 (frames, channels)."""
    axis = np.arange(int(seconds * rate)) / rate
    tones = np.stack([0.4 * np.sin(2 * np.pi * (330 + 97 * n) * axis) for n in range(channels)], axis=1)
    return tones + 0.01 * np.random.default_rng(1).standard_normal(tones.shape)


@cache
def by_soundfile(container: str, subtype: str, seconds: float = 0.5, channels: int = 2) -> bytes:
    """A file as libsndfile writes it."""
    file = io.BytesIO()
    rate = 48000 if subtype == "OPUS" else RATE
    sf.write(file, sound(seconds, channels), rate, format=container, subtype=subtype)
    return file.getvalue()


@cache
def by_ffmpeg(
    container: str,
    codec: str,
    video: str = "",
    options: str = "",
    seconds: float = 0.5,
    rate: int = RATE,
    channels: int = 2,
) -> bytes:
    """A file as FFmpeg's muxers write it, with a moving picture if `video` names its codec."""
    file = io.BytesIO()
    layout = "stereo" if channels == 2 else "mono"
    with av.open(file, "w", format=container, options=dict([options.split("=", 1)]) if options else {}) as output:
        output.metadata["title"] = "A title"
        stream = output.add_stream(codec, rate=rate)
        stream.layout = layout
        formats = [form.name for form in stream.codec_context.codec.audio_formats]
        stream.codec_context.format = next(name for name in formats if not name.startswith("u8"))
        picture = output.add_stream(video, rate=25) if video else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        if codec == "wmav2":
            stream.bit_rate = 128_000  # it has none of its own
        stream.codec_context.open()
        step = stream.codec_context.frame_size or 1152
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate, frame_size=step)
        samples = sound(seconds, channels, rate).T
        for start in range(0, samples.shape[1], 1152):
            block = np.ascontiguousarray(samples[:, start : start + 1152], np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            for ready in resampler.resample(frame):
                output.mux(stream.encode(ready))
            if picture is not None:
                image = np.random.default_rng(start).integers(0, 256, (48, 64, 3), dtype=np.uint8)
                output.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")))
        for ready in resampler.resample(None):
            output.mux(stream.encode(ready))
        output.mux(stream.encode(None))
        if picture is not None:
            output.mux(picture.encode(None))
    return file.getvalue()


@cache
def image(codec: str, pixel_format: str = "rgb24", size: int = 48) -> bytes:
    """A picture file."""
    context = av.CodecContext.create(codec, "w")
    context.width = context.height = size
    context.pix_fmt = pixel_format
    context.time_base = Fraction(1, 25)
    y, x = np.mgrid[0:size, 0:size]
    shades = np.stack([2 * x, 2 * y, x + y], axis=2) + np.random.default_rng(3).integers(0, 30, (size, size, 3))
    pixels = shades.astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
    frame.pts = 0
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets) + (b";" if codec == "gif" else b"")  # the muxer's trailer


def jpeg() -> bytes:
    """A JPEG cover."""
    return image("mjpeg", "yuvj420p")


def png() -> bytes:
    """A PNG cover."""
    return image("png")


def chunk(name: bytes, content: bytes) -> bytes:
    """A RIFF chunk."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wave(
    *chunks: bytes,
    data: bytes | None = None,
    behind: bytes = b"",
    data_size: int | None = None,
    whole_size: bool = False,
) -> bytes:
    """A 16-bit stereo WAVE with more chunks behind its data."""
    samples = (sound() * 20000).astype("<i2").tobytes() if data is None else data
    size = len(samples) if data_size is None else data_size
    body = b"WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, RATE, RATE * 4, 4, 16))
    body += b"data" + struct.pack("<I", size) + samples + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if data_size is None or whole_size else 0xFFFFFFFF) + body + behind


def ogg_in_a_wave() -> bytes:
    """An Ogg Vorbis file as the samples of a WAVE, as old editors wrote it."""
    fmt = chunk(b"fmt ", struct.pack("<HHIIHHH", 0x674F, 2, RATE, 9000, 1, 16, 0))
    body = b"WAVE" + fmt + chunk(b"data", by_soundfile("OGG", "VORBIS"))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def synchsafe(number: int) -> bytes:
    """Four bytes of seven bits."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3_frame(name: bytes, content: bytes, flags: int = 0) -> bytes:
    """An ID3v2.3 frame."""
    return name + struct.pack(">IH", len(content), flags) + content


def id3(*frames: bytes, version: int = 3, flags: int = 0, padding: bytes = b"") -> bytes:
    """An ID3v2 tag."""
    body = b"".join(frames) + padding
    return b"ID3" + bytes([version, 0, flags]) + synchsafe(len(body)) + body


def apic(picture: bytes) -> bytes:
    """An attached picture."""
    return id3_frame(b"APIC", b"\0image/jpeg\0\x03cover\0" + picture)


def ape(*items: tuple[bytes, bytes, int]) -> bytes:
    """An APEv2 tag with header and footer; an item is (key, value, flags)."""
    body = b"".join(struct.pack("<II", len(value), flags) + key + b"\0" + value for key, value, flags in items)
    tail = struct.pack("<IIII8x", 2000, len(body) + 32, len(items), 0x80000000)
    head = struct.pack("<IIII8x", 2000, len(body) + 32, len(items), 0xA0000000)
    return b"APETAGEX" + head + body + b"APETAGEX" + tail


def vorbis_comments(*comments: bytes, vendor: bytes = b"a vendor") -> bytes:
    """The comments' block, without any framing."""
    body = struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(comments))
    return body + b"".join(struct.pack("<I", len(comment)) + comment for comment in comments)


def picture_block(picture: bytes, mime: bytes = b"image/jpeg") -> bytes:
    """A FLAC picture block's content."""
    head = struct.pack(">I", 3) + struct.pack(">I", len(mime)) + mime + struct.pack(">I", 5) + b"cover"
    return head + struct.pack(">IIII", 48, 48, 24, 0) + struct.pack(">I", len(picture)) + picture


def picture_comment(picture: bytes) -> bytes:
    """A cover in a Vorbis comment."""
    return b"METADATA_BLOCK_PICTURE=" + base64.b64encode(picture_block(picture))


def flac(*blocks: tuple[int, bytes], behind: bytes = b"", subtype: str = "PCM_16") -> bytes:
    """A FLAC file with more metadata blocks, each (type, content)."""
    data = by_soundfile("FLAC", subtype)
    at = 4
    while not data[at] & 0x80:
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    frames = at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    metadata = data[4:42]  # STREAMINFO, which is always first
    parts = [bytes([metadata[0] & 0x7F]) + metadata[1:]]
    parts += [bytes([kind]) + len(content).to_bytes(3, "big") + content for kind, content in blocks]
    parts[-1] = bytes([parts[-1][0] | 0x80]) + parts[-1][1:]
    return b"fLaC" + b"".join(parts) + data[frames:] + behind


def box(name: bytes, content: bytes) -> bytes:
    """An MP4 box."""
    return struct.pack(">I", len(content) + 8) + name + content


def ogg_pages(packets: list[bytes], serial: int, first_page: int = 0, flags: int = 0) -> bytes:
    """Header packets as Ogg pages, each packet beginning a page."""
    from udfs.container.crc import ogg_crc

    pages, number = [], first_page
    for packet in packets:
        lacing = [255] * (len(packet) // 255) + [len(packet) % 255]
        at, continued = 0, 0
        for start in range(0, len(lacing), 255):
            part = lacing[start : start + 255]
            body = packet[at : at + sum(part)]
            at += len(body)
            head = b"OggS\0" + bytes([flags | continued]) + bytes(8) + struct.pack("<III", serial, number, 0)
            page = bytearray(head + bytes([len(part)]) + bytes(part) + body)
            page[22:26] = ogg_crc(bytes(page)).to_bytes(4, "little")
            pages.append(bytes(page))
            number, continued = number + 1, 1
    return b"".join(pages)


def ogg_with_comments(*comments: bytes, codec: str = "VORBIS") -> bytes:
    """An Ogg Vorbis or Opus file whose comments are these."""
    data = by_soundfile("OGG", codec)
    serial = int.from_bytes(data[14:18], "little")
    pages = split_pages(data)
    packets = header_packets(pages, 3 if codec == "VORBIS" else 2)
    begins = b"\x03vorbis" if codec == "VORBIS" else b"OpusTags"
    packets[1] = begins + vorbis_comments(*comments) + (b"\1" if codec == "VORBIS" else b"")
    used = next(n for n in range(len(pages)) if int.from_bytes(pages[n][6:14], "little") > 0)
    return pages[0] + ogg_pages(packets[1:], serial, 1) + b"".join(pages[used:])


def split_pages(data: bytes) -> list[bytes]:
    """An Ogg file's pages."""
    pages, at = [], 0
    while at < len(data):
        segments = data[at + 26]
        length = 27 + segments + sum(data[at + 27 : at + 27 + segments])
        pages.append(data[at : at + length])
        at += length
    return pages


def header_packets(pages: list[bytes], count: int) -> list[bytes]:
    """The first packets of a single stream."""
    packets, current = [], b""
    for page in pages:
        at = 27 + page[26]
        for length in page[27:at]:
            current += page[at : at + length]
            at += length
            if length < 255:
                packets.append(current)
                current = b""
                if len(packets) == count:
                    return packets
    raise AssertionError("too few packets")


PLAYED_BY_FFMPEG = {
    "ac3": ("ac3", "ac3"),
    "eac3": ("eac3", "eac3"),
    "loas": ("latm", "aac"),
    "tta": ("tta", "tta"),
    "wma": ("asf", "wmav2"),
    "wmv": ("asf", "libmp3lame", "msmpeg4v2"),
    "flv": ("flv", "libmp3lame"),
    "flv with video": ("flv", "aac", "flv"),
    "avi": ("avi", "pcm_s16le"),
    "avi with video": ("avi", "libmp3lame", "mpeg4"),
    "mpg": ("mpeg", "mp2"),
    "vob with video": ("vob", "ac3", "mpeg2video"),
}
EVERY_FORMAT = {
    "wav": lambda: by_soundfile("WAV", "PCM_16"),
    "wav 24": lambda: by_soundfile("WAV", "PCM_24"),
    "wav float": lambda: by_soundfile("WAV", "FLOAT"),
    "wav ulaw": lambda: by_soundfile("WAV", "ULAW"),
    "wavex": lambda: by_soundfile("WAVEX", "PCM_16"),
    "rf64": lambda: by_soundfile("RF64", "PCM_16"),
    "aiff": lambda: by_soundfile("AIFF", "PCM_16"),
    "aiff float": lambda: by_soundfile("AIFF", "FLOAT"),
    "flac": lambda: by_soundfile("FLAC", "PCM_16"),
    "flac 24": lambda: by_soundfile("FLAC", "PCM_24"),
    "vorbis": lambda: by_soundfile("OGG", "VORBIS"),
    "opus": lambda: by_soundfile("OGG", "OPUS"),
    "mp3": lambda: by_soundfile("MP3", "MPEG_LAYER_III"),
    "mp3 ffmpeg": lambda: by_ffmpeg("mp3", "libmp3lame"),
    "m4a": lambda: by_ffmpeg("ipod", "aac"),
    "alac": lambda: by_ffmpeg("ipod", "alac"),
    "mp4 with video": lambda: by_ffmpeg("mp4", "aac", "mpeg4"),
    "fragmented mp4": lambda: by_ffmpeg("mp4", "aac", "mpeg4", "movflags=frag_keyframe+empty_moov"),
    "adts": lambda: by_ffmpeg("adts", "aac"),
    "w64": lambda: by_soundfile("W64", "PCM_16"),
    "caf": lambda: by_soundfile("CAF", "PCM_16"),
    "au": lambda: by_soundfile("AU", "PCM_16"),
    "matroska": lambda: by_ffmpeg("matroska", "aac"),
    "webm with video": lambda: by_ffmpeg("matroska", "aac", "mpeg4"),
    "wavpack": lambda: by_ffmpeg("wv", "wavpack"),
    **{name: partial(by_ffmpeg, *arguments) for name, arguments in PLAYED_BY_FFMPEG.items()},
    "amr": lambda: by_ffmpeg("amr", "libopencore_amrnb", rate=8000, channels=1),
    "ts": lambda: by_ffmpeg("mpegts", "aac"),
    "ts with video": lambda: by_ffmpeg("mpegts", "mp2", "mpeg2video"),
}
