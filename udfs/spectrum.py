"""Sound to a short-time spectrum: the one transform that everything else of the fingerprint is taken from.

Samples at any rate become power at `RATE`; a frame is `WINDOW` samples long and begins `HOP` after the last.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

RATE = 11025  # Hz: keeps what loudspeakers, telephones and low bit rates leave of music
WINDOW = 2048  # samples (186 ms): resolves the partials of most music, and of voices from each other
QUALITY = "LQ"  # of resampling: 16 bits; a fingerprint sees no difference from better
AT_ONCE = 256  # frames transformed together: their spectra stay in the second-level cache
HOP = 512  # samples (46 ms)
FRAMES_PER_SECOND = RATE / HOP
LOWEST, HIGHEST = 250.0, 4200.0  # Hz; below, rooms and small loudspeakers; above, codecs and 8 kHz recordings

_HANN = np.hanning(WINDOW + 1)[:WINDOW].astype(np.float32)


def resample(samples: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
    """Return mono samples at `RATE`; what is not finite becomes silence."""
    mono = np.asarray(samples, dtype=np.float32)
    if mono.ndim != 1:
        raise ValueError(f"a fingerprint is taken from mono samples of shape (n,), not {mono.shape}")
    if not np.isfinite(mono).all():
        mono = np.where(np.isfinite(mono), mono, np.float32(0))
    return mono if sample_rate == RATE else soxr.resample(mono, sample_rate, RATE, quality=QUALITY)


def transforms(samples: NDArray[np.float32]) -> Iterator[NDArray[np.complex64]]:
    """Short-time Fourier transforms of samples at `RATE`, shape (frames, WINDOW // 2 + 1), so many frames at a time.

    Less than a window is padded to one. In pieces, so that an hour takes no more memory than a minute.
    """
    if samples.size < WINDOW:
        samples = np.pad(samples, (0, WINDOW - samples.size))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    for first in range(0, len(frames), AT_ONCE):
        spectrum = scipy.fft.rfft(frames[first : first + AT_ONCE] * _HANN, axis=1)
        yield np.asarray(spectrum, dtype=np.complex64)


def frame_to_ms(frame: float) -> int:
    """When a frame begins, in milliseconds."""
    return round(frame * HOP * 1000 / RATE)
