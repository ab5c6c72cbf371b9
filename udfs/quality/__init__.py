"""How good a recording sounds: without a reference cheaply, for every upload; with one by PESQ and SI-SDR."""

from udfs.quality.examine import examine_quality

__all__ = ["examine_quality"]
