"""Read WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3 and a few of their kin through libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np
import soundfile as sf

from udfs.samples import BLOCK_SAMPLES, KNOWN_TAGS, Samples, SampleStream, known_tags

# Formats that are taken from libsndfile. It reads more, but MAT4/MAT5 are no audio files, and HTK, SDS, PVF and their
# like are recognised by so little that other data passes for them.
CONTAINERS = {
    "WAV": "wav",
    "WAVEX": "wav",
    "RF64": "rf64",
    "W64": "w64",
    "AIFF": "aiff",
    "AU": "au",
    "CAF": "caf",
    "FLAC": "flac",
    "OGG": "ogg",
    "MPEG": "mp3",
    "MP3": "mp3",
}
# Integer codecs: our name, bits of a sample, dtype that it is read as, and the shift that right-aligns what
# libsndfile left-aligns. 8-bit sound is read as int16 because NumPy's float conversion and sums want the room.
INTEGER = {
    "PCM_S8": ("pcm_s8", 8, "int16", 8),
    "PCM_U8": ("pcm_u8", 8, "int16", 8),
    "PCM_16": ("pcm_s16", 16, "int16", 0),
    "PCM_24": ("pcm_s24", 24, "int32", 8),
    "PCM_32": ("pcm_s32", 32, "int32", 0),
    "ULAW": ("ulaw", 16, "int16", 0),
    "ALAW": ("alaw", 16, "int16", 0),
    "ALAC_16": ("alac", 16, "int16", 0),
    "ALAC_20": ("alac", 20, "int32", 12),
    "ALAC_24": ("alac", 24, "int32", 8),
    "ALAC_32": ("alac", 32, "int32", 0),
}
FLOATING = {
    "FLOAT": ("pcm_f32", 32),
    "DOUBLE": ("pcm_f64", 64),
    "VORBIS": ("vorbis", None),
    "OPUS": ("opus", None),
    "MPEG_LAYER_I": ("mp1", None),
    "MPEG_LAYER_II": ("mp2", None),
    "MPEG_LAYER_III": ("mp3", None),
    "IMA_ADPCM": ("adpcm_ima", None),
    "MS_ADPCM": ("adpcm_ms", None),
    "GSM610": ("gsm", None),
    "NMS_ADPCM_16": ("adpcm_nms", None),
    "NMS_ADPCM_24": ("adpcm_nms", None),
    "NMS_ADPCM_32": ("adpcm_nms", None),
    "G721_32": ("g721", None),
    "G723_24": ("g723", None),
    "G723_40": ("g723", None),
}


class NotReadError(Exception):
    """This library does not read the file; another one may."""


def open_stream(source: IO[bytes] | int) -> SampleStream:
    """Open an audio file.

    Parameters
    ----------
    source
        A seekable binary file object, or a file descriptor (left open), which libsndfile then reads without Python.

    Raises
    ------
    NotReadError
        libsndfile does not know the file, or knows it as something that is not taken from it.
    """
    try:
        file = sf.SoundFile(source, closefd=False)
    except sf.LibsndfileError as error:
        raise NotReadError(f"libsndfile: {error.error_string}") from error
    except (sf.SoundFileError, TypeError, ValueError) as error:
        raise NotReadError(f"libsndfile: {error}") from error
    container = CONTAINERS.get(file.format)
    if container is None or (file.subtype not in INTEGER and file.subtype not in FLOATING):
        file.close()
        raise NotReadError(f"{file.format} {file.subtype} is not decoded")
    bits: int | None
    if file.subtype in INTEGER:
        codec, bits, dtype, shift = INTEGER[file.subtype]
        codec = "flac" if container == "flac" else codec
    else:
        codec, bits = FLOATING[file.subtype]
        dtype, shift = "float32", 0
    stream = SampleStream(container, codec, file.samplerate, file.channels, bits, iter(()))
    stream.tags = known_tags({name: getattr(file, name, "") for name in KNOWN_TAGS})
    stream.blocks = _read_blocks(file, dtype, shift, stream.problems)
    return stream


def _read_blocks(file: sf.SoundFile, dtype: str, shift: int, problems: list[tuple[str, str]]) -> Iterator[Samples]:
    frames_a_block = max(1, BLOCK_SAMPLES // file.channels)
    with file:
        while True:
            # A block of its own each time: what was handed on is kept, not copied.
            buffer = np.empty((frames_a_block, file.channels), dtype)
            try:
                block = file.read(out=buffer)
            except sf.SoundFileError as error:
                problems.append(("decode.damaged", f"libsndfile: {error}"))
                return
            if len(block) == 0:
                return
            if len(block) < frames_a_block:
                block = block.copy()
            if shift:
                block >>= shift
            yield block
