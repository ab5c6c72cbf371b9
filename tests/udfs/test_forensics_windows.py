"""A window a second of each channel is measured: what its numbers are of sound, and of data."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf
from mock_files import RATE, encrypted, music

from udfs.forensics.companding import a_law, as_codes, mu_law
from udfs.forensics.signal import Signal
from udfs.forensics.windows import FEATURES, measure_channel


def measured(values: np.ndarray, bits: int = 16) -> dict[str, float]:
    """The medians of a channel's numbers by name."""
    found = measure_channel(Signal(values.reshape(-1, 1), RATE, bits, True, b""), 0)
    return dict(zip(FEATURES, np.median(found.features, axis=0).tolist(), strict=True))


def test_clipped_sound_lies_at_both_ends_and_bytes_do_not() -> None:
    sound = music(seconds=4.0)[:, 0].astype(np.float64)
    clipped = measured(np.clip(sound * 20, -32768, 32767).astype(np.int16))
    data = measured(np.frombuffer(encrypted(200_000), "<i2"))
    assert clipped["at_an_end"] >= clipped["at_both_ends"] > 0.05
    assert data["at_an_end"] < 0.01


def test_tones_have_lines_and_bytes_are_steady() -> None:
    tone = measured((np.sin(np.arange(80_000) * 0.2) * 9000).astype(np.int16))
    drum = measured(
        (np.sin(np.arange(80_000) * 0.2) * 9000 * np.exp(-(np.arange(80_000) % 3000) / 500)).astype(np.int16)
    )
    data = measured(np.frombuffer(encrypted(200_000), "<i2"))
    assert tone["line_share_db"] > -0.1
    assert data["line_share_db"] == pytest.approx(-12.5, abs=0.5)  # a hundredth of an exponential distribution
    assert data["unsteadiness_db"] < 0.5 < 3 < drum["unsteadiness_db"]
    assert data["residual_unsteadiness_db"] < 0.5


@pytest.mark.parametrize("gain", [0.3, 0.45, 0.61, 0.79, 0.93])
def test_values_behind_a_gain_have_gaps_at_even_distances_and_noise_has_none(
    gain: float,
) -> None:
    integers = np.frombuffer(encrypted(200_000), "<i2")
    noise = np.random.default_rng(1).uniform(-1, 1, 100_000)
    assert measured(np.rint(integers * gain).astype(np.int16))["gain_line"] > 2.6
    assert measured(np.rint(noise * 32767 * gain).astype(np.int16))["gain_line"] < 2.3


@pytest.mark.parametrize(("subtype", "values"), [("ULAW", mu_law()), ("ALAW", a_law())])
def test_companded_samples_are_measured_as_the_codes_that_they_are(subtype: str, values: np.ndarray) -> None:
    out = io.BytesIO()
    sf.write(out, np.zeros(256), 8000, format="WAV", subtype=subtype)
    file = out.getvalue()[:-256] + bytes(range(256))
    decoded = sf.read(io.BytesIO(file), dtype="int16", always_2d=True)[0]
    assert np.array_equal(np.sort(decoded[:, 0]), values)  # what libsndfile has for each code
    codes = as_codes(Signal(decoded, 8000, 16, True, b"", companded=True))
    assert codes.bits == 8
    assert np.array_equal(values[codes.values[:, 0] + 128], decoded[:, 0])


def test_what_is_not_companded_as_it_says_stays_as_it_is() -> None:
    signal = Signal(np.arange(100, dtype=np.int16)[:, None], 8000, 16, True, b"", companded=True)
    assert as_codes(signal) is signal
