"""Fuzz what reads strangers' bytes, guided by coverage (atheris): the walkers, the recognisers, the sandbox's messages.

    python tests/bench/forensics_fuzz.py walk -max_total_time=600 CORPUS
    python tests/bench/forensics_fuzz.py walk crash-0123…         # what one finding does

What is found belongs into tests/udfs as a regression file. CI runs the same targets with hypothesis, for seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["udfs"]):
    from udfs.container import walk
    from udfs.errors import TrackError
    from udfs.forensics.payload import recognise
    from udfs.samples import DecodeLimits
    from udfs.sandbox_wire import Kind, ProtocolError, parse_block, parse_error, parse_json, parse_pairs, parse_stream


def walk_bytes(data: bytes) -> None:
    """Every byte has exactly one span."""
    at = 0
    for span in walk(data).spans:
        if span.start != at or span.end <= at:
            raise AssertionError(f"{span} does not follow {at}")
        at = span.end
    if at != len(data):
        raise AssertionError(f"{len(data) - at} bytes without a span")


def recognise_bytes(data: bytes) -> None:
    """What is recognised lies within the bytes."""
    found = recognise(data)
    if found is not None and not 0 <= found.start < found.end <= len(data):
        raise AssertionError(f"{found} is outside {len(data)} bytes")


def parse_messages(data: bytes) -> None:
    """A message of a worker that was taken over is parsed, or refused as one: nothing else."""
    for parse in (
        lambda: parse_stream(data, DecodeLimits()),
        lambda: parse_block(data, 2),
        lambda: parse_error(data),
        lambda: parse_pairs(parse_json(data, Kind.END)),
    ):
        try:
            parse()
        except (ProtocolError, TrackError):
            continue


TARGETS: dict[str, Callable[[bytes], None]] = {
    "walk": walk_bytes,
    "recognise": recognise_bytes,
    "messages": parse_messages,
}


def main() -> None:
    """Run one target until it fails or the time is over."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"{__doc__}\nTargets: {', '.join(TARGETS)}")
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
