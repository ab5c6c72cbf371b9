"""A safe copy of a track: its sound and nothing else, with the bits wiped in which data could travel unheard.

The copy is encoded anew from samples, so what lay behind the audio's end, in tags, or in another format's structures
(families g to j of docs/forensics.md) cannot be in it. Low-bit steganography (k) does not survive because samples that
came from a lossless file are quantised anew, `WIPED_BITS` coarser, with triangular dither: what is left of the low bits
is noise that nobody can predict (it is drawn from the system's randomness). The noise lies at about -72 dB of full
scale for 16-bit sound. What the sound itself says (families a to f) is the sound, and stays.

Dither: Lipshitz, Wannamaker, Vanderkooy, "Quantization and Dither: A Theoretical Survey", J. Audio Eng. Soc. 40(5),
1992.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from udfs.decode import Decoded
from udfs.samples import BLOCK_SAMPLES

WIPED_BITS = 4  # of 16: payloads in up to four low bits are known
WIPED_BITS_OF_8 = 2  # of 8-bit sound, which has no more to give
COMPANDED_STEP = 1 / 16  # of a mu-law or A-law sample's own size: two bits of its mantissa
FLAC_CHANNELS = 8
FLAC_RATE = 655_350

_FULL_SCALE = 32768.0


def extension_for(decoded: Decoded) -> str:
    """``flac``, or ``wav`` where FLAC cannot hold so many channels or so high a rate."""
    return "flac" if decoded.facts.channels <= FLAC_CHANNELS and decoded.sample_rate <= FLAC_RATE else "wav"


def write_safe_copy(decoded: Decoded, file: IO[bytes]) -> None:
    """Write a track's safe copy: 16-bit FLAC (or WAV, see `extension_for`) with the few known tags.

    Parameters
    ----------
    decoded
        The track's samples; those beyond full scale are scaled down all together, never clipped.
    file
        An empty, seekable binary file, open for reading and writing.
    """
    container = extension_for(decoded).upper()
    randomness = np.random.default_rng()
    gain = _FULL_SCALE / max(1.0, _peak(decoded.samples))
    with sf.SoundFile(
        file, "w", decoded.sample_rate, decoded.facts.channels, "PCM_16", format=container, closefd=False
    ) as copy:
        for name, text in decoded.tags.items():
            setattr(copy, name, text)
        for block in _blocks(decoded.samples):
            copy.write(_requantised(block * gain, decoded, randomness))


def _blocks(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    step = max(1, BLOCK_SAMPLES // samples.shape[1])
    return (samples[start : start + step] for start in range(0, len(samples), step))


def _peak(samples: NDArray[np.float32]) -> float:
    return max((float(np.abs(block).max()) for block in _blocks(samples) if block.size), default=0.0)


def _requantised(scaled: NDArray[np.float32], decoded: Decoded, randomness: np.random.Generator) -> NDArray[np.int16]:
    """Samples in units of a 16-bit step, quantised to a coarser one under triangular dither of twice its width."""
    step = _step(decoded)
    dither = randomness.random(scaled.shape, np.float32) - randomness.random(scaled.shape, np.float32)
    if decoded.facts.codec in ("ulaw", "alaw"):
        dither *= np.maximum(1, np.abs(scaled) * (COMPANDED_STEP / step))
    quantised = np.rint(scaled / step + dither) * step
    return np.asarray(np.clip(quantised, -32768, 32767), np.int16)


def _step(decoded: Decoded) -> int:
    """The quantiser's step, in steps of 16 bits."""
    facts = decoded.facts
    exact = decoded.pcm is not None or facts.codec.startswith("pcm_")
    if not exact:
        return 1  # a lossy codec has left no low bit as it was
    if facts.bits_per_sample == 8:
        return 1 << 8 + WIPED_BITS_OF_8
    return 1 << WIPED_BITS
