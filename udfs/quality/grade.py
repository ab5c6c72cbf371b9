"""From measures to one grade: each impairment takes a share of what is left, as listeners' scores do.

The score is on the scale of listening tests, 1 (bad) to 5 (nothing to complain of). Each measure gives an impairment
between 0 and 1 by a line between two points; the points and their reasons are in docs/quality.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from udfs.findings import Grade, Quality


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured; shares are of all samples, levels are K-weighted and relative to full scale."""

    clipped_share: float
    noise_floor_db: float | None  # None: nothing is steady enough to be noise
    signal_to_noise_db: float | None
    uneven_share: float  # of the loud half's power: little where nothing but noise is heard
    bandwidth_hz: float
    cliff_db: float  # 0: the spectrum fades, and nothing cut it off
    dropouts_a_minute: float
    lost_share: float
    dc_offset: float
    loudness_range_lu: float | None  # None: under twelve seconds, or silent


LEAST_SCORES = ((Grade.EXCELLENT, 4.2), (Grade.GOOD, 3.4), (Grade.FAIR, 2.3))
TOLD = 0.08  # an impairment from here on is named


def grade(measures: Measures, sample_rate: int) -> Quality:
    """Combine the measures of a track at `sample_rate` Hz, half of which bounds its bandwidth."""
    impairments = impair(measures, sample_rate)
    left = math.prod(1 - impairment for impairment in impairments.values())
    score = 1 + 4 * left
    named = sorted((name for name, value in impairments.items() if value >= TOLD), key=lambda name: -impairments[name])
    reached = next((each for each, least in LEAST_SCORES if score >= least), Grade.POOR)
    return Quality(reached, round(score, 2), tuple(named), asdict(measures))


def impair(measures: Measures, sample_rate: int) -> dict[str, float]:
    """Give each measure's impairment, 0 (none) to 1 (nothing is left)."""
    cut = min(measures.bandwidth_hz if measures.cliff_db else math.inf, sample_rate / 2)
    noise = math.inf if measures.signal_to_noise_db is None else measures.signal_to_noise_db
    noise_alone = _ramp(-measures.uneven_share, -0.14, -0.08)  # it may be the recording: half of it counts
    return {
        "clipping": _ramp(math.log10(measures.clipped_share + 1e-9), -3.7, -0.5) ** 2,
        "noise": _ramp(-noise, -50.0, -15.0) * (1 - noise_alone / 2),
        "bandwidth": _ramp(-math.log2(cut), -math.log2(15_000), -math.log2(500)),
        "dropouts": _ramp(math.log10(measures.lost_share + 1e-9), -3.3, -1.1) ** 2,
        "range": 0.0 if measures.loudness_range_lu is None else 0.1 * _ramp(-measures.loudness_range_lu, -1.0, 1.0),
        "offset": _ramp(measures.dc_offset, 0.02, 1.0),
    }


def _ramp(value: float, from_here: float, to_there: float) -> float:
    return min(1.0, max(0.0, (value - from_here) / (to_there - from_here)))
