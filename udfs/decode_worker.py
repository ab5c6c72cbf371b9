"""The process that decodes what strangers sent: it reads one descriptor, writes one window, and can be lost.

Started by `udfs.sandbox` as ``python -m udfs.decode_worker CONTROL WINDOW PARENT MEMORY``. The messages on the control
socket are described there.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import sys
import time
from typing import Any

import numpy as np

from udfs import confinement
from udfs.decode import DecodeLimits, open_stream
from udfs.errors import TrackError
from udfs.samples import Samples, SampleStream, check_shape, within_limits
from udfs.sandbox_wire import SLOT_BYTES, SLOTS, Kind, block_header

OPEN_FILES = 16


def main(arguments: list[str]) -> None:
    """Serve tracks until the control socket closes."""
    control_fd, window_fd, parent, memory = (int(argument) for argument in arguments)
    confinement.die_with_parent(parent)
    window = mmap.mmap(window_fd, SLOT_BYTES * SLOTS)
    os.close(window_fd)
    _load_libraries()
    confinement.limit_resources(memory, OPEN_FILES)
    with socket.socket(fileno=control_fd) as control:
        confined = confinement.confine()
        _send(control, Kind.READY, {"confined": confined})
        while _serve_one(control, window):
            pass


def _load_libraries() -> None:
    """Have everything that is loaded on first use loaded before files can no longer be opened."""
    for codec in ("PCM_16/WAV", "VORBIS/OGG", "MPEG_LAYER_III/MP3"):
        fd = os.memfd_create("warm")
        try:
            _warm_up(fd, *codec.split("/"))
        finally:
            os.close(fd)


def _warm_up(fd: int, subtype: str, container: str) -> None:
    import soundfile as sf

    from udfs import decode_libav

    sf.write(fd, np.zeros((4800, 2), np.float32), 48000, subtype, format=container, closefd=False)
    with open(fd, "rb", closefd=False) as source:
        for _ in open_stream(source, fd).blocks:
            pass
        source.seek(0)
        for _ in decode_libav.open_stream(source).blocks:
            pass


def _serve_one(control: socket.socket, window: mmap.mmap) -> bool:
    message, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
    if not message:
        return False
    limits = DecodeLimits(**json.loads(message))
    confinement.allow_cpu_seconds(limits.deadline_seconds)
    try:
        problems = _decode(control, window, descriptors[0], limits)
        _send(control, Kind.END, {"problems": problems})
    except TrackError as error:
        _send(control, Kind.ERROR, {"code": error.code, "detail": error.detail[:1000]})
    except MemoryError:
        _send(control, Kind.ERROR, {"code": "decode.bomb", "detail": "decoding needs more memory than is allowed"})
    except Exception as error:
        _send(control, Kind.ERROR, {"code": "error.decoder", "detail": f"{type(error).__name__}: {error}"[:1000]})
    finally:
        os.close(descriptors[0])
    return True


def _decode(control: socket.socket, window: mmap.mmap, fd: int, limits: DecodeLimits) -> list[tuple[str, str]]:
    started = time.monotonic()
    with open(fd, "rb", closefd=False) as source:
        stream = open_stream(source, fd)
        check_shape(stream, limits)
        _send(control, Kind.STREAM, _description(stream))
        slots = _Slots(control, window)
        try:
            for block in within_limits(stream, limits, started):
                slots.write(block)
        finally:
            slots.finish()  # else a late "read" would be taken for the next track
    return [(code, detail[:500]) for code, detail in stream.problems[:8]]


def _description(stream: SampleStream) -> dict[str, Any]:
    return {
        "container": stream.container,
        "codec": stream.codec,
        "sample_rate": stream.sample_rate,
        "channels": stream.channels,
        "bits_per_sample": stream.bits_per_sample,
        "tags": stream.tags,
    }


class _Slots:
    """Hands blocks over through the window's slots in turn; a slot is written again when the parent has read it."""

    def __init__(self, control: socket.socket, window: mmap.mmap) -> None:
        self._control = control
        self._window = np.frombuffer(window, np.uint8)
        self._written = 0
        self._read = 0

    def write(self, block: Samples) -> None:
        rows = max(1, SLOT_BYTES // (block.shape[1] * block.itemsize))
        for start in range(0, len(block), rows):
            self._write_rows(np.ascontiguousarray(block[start : start + rows]))

    def _write_rows(self, rows: Samples) -> None:
        while self._written - self._read >= SLOTS:
            self._wait()
        at = self._written % SLOTS * SLOT_BYTES
        self._window[at : at + rows.nbytes] = rows.reshape(-1).view(np.uint8)
        self._control.sendall(block_header(rows.dtype, len(rows)))
        self._written += 1

    def _wait(self) -> None:
        if not self._control.recv(1):
            sys.exit(0)
        self._read += 1

    def finish(self) -> None:
        while self._read < self._written:
            self._wait()


def _send(control: socket.socket, kind: Kind, content: dict[str, Any]) -> None:
    control.sendall(bytes([kind]) + json.dumps(content).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
