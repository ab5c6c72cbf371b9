"""Decode in a process that can be lost: limited, without network, replaced when it dies.

One worker serves one `SandboxedDecoder`, track after track; starting it costs as much as a hundred decodings. A track
that crashes, hangs or blows up its decoder raises `TrackError` for that track alone; the next one gets a new worker.

Samples travel through a window of shared memory whose size is sealed, and are copied out of it block by block, so that
the worker can neither pull the memory from under this process nor change what was read. Everything else it says is
parsed as untrusted input (`udfs.sandbox_wire`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import logging
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from types import TracebackType

from udfs.decode import Decoded, DecodeLimits, collect, decode_samples
from udfs.errors import TrackError
from udfs.samples import Samples, SampleStream
from udfs.sandbox_wire import (
    LONGEST_MESSAGE,
    SLOT_BYTES,
    SLOTS,
    Kind,
    ProtocolError,
    as_block,
    parse_block,
    parse_error,
    parse_json,
    parse_pairs,
    parse_stream,
)
from udfs.track import Encoding, Track

log = logging.getLogger("soundgate.sandbox")

WORKER_MEMORY = 1 << 30  # bytes that a worker may map beyond what its libraries take; decoders need some tens of MB
START_SECONDS = 120.0  # for a worker to be ready; a cold disk and a busy machine are slow
MOST_TRACKS = 5000  # after so many a worker is replaced: a leak in a decoder never adds up
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")


class _WorkerDiedError(Exception):
    """The worker is gone; the message says how."""


class SandboxedDecoder:
    """Decodes tracks in a worker process of its own.

    Use it as a context manager or call `close`; an instance that is simply dropped, or whose process dies, takes its
    worker along. After a fork the child starts a worker of its own. Calls from several threads wait for each other.

    Parameters
    ----------
    limits
        What decoding one track may cost.
    """

    def __init__(self, limits: DecodeLimits = DecodeLimits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._worker: _Worker | None = None
        self._lock = threading.Lock()

    def __call__(self, track: Track) -> Decoded:
        """Decode a track; raises `TrackError` as `udfs.decode.decode` does, and when its worker is lost to it."""
        if track.encoding is Encoding.F32LE:
            return decode_samples(track, self._limits)  # no decoder sees these bytes
        with self._lock:
            try:
                return self._decode(track)
            except (_WorkerDiedError, ProtocolError) as error:
                self.close()
                raise _as_track_error(error) from error
            except BaseException:
                # Whatever stopped us midway (a limit, an interrupt): the worker may be in the middle of the track.
                if self._worker is not None and self._worker.busy:
                    self.close()
                raise

    def _decode(self, track: Track) -> Decoded:
        worker = self._ready_worker()
        started = time.monotonic()  # a worker's start is not the track's time
        worker.submit(track.data, self._limits)
        stream = worker.stream(self._limits, started + self._limits.deadline_seconds)
        decoded = collect(stream, self._limits, started)
        worker.busy = False
        return decoded

    def _ready_worker(self) -> _Worker:
        if self._worker is not None and (not self._worker.is_usable() or self._worker.tracks >= MOST_TRACKS):
            self.close()
        if self._worker is None:
            self._worker = _Worker()
        return self._worker

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id; None while none runs."""
        return self._worker.pid if self._worker is not None else None

    def close(self) -> None:
        """Stop the worker; a later call starts another."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def __enter__(self) -> SandboxedDecoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _as_track_error(error: Exception) -> TrackError:
    if str(error) == _signal_name(signal.SIGXCPU):
        return TrackError("error.decode_deadline", "the decoder used up its CPU time")
    return TrackError("error.decoder_died", f"the decoder was lost to this track: {error}")


def _signal_name(number: int) -> str:
    return f"killed by {signal.Signals(number).name}"


class _Worker:
    """One worker process, its control socket and its window."""

    def __init__(self) -> None:
        self.tracks = 0
        self.busy = False
        self._owner = os.getpid()
        window_fd = os.memfd_create("soundgate-window", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(window_fd, SLOT_BYTES * SLOTS)
        fcntl.fcntl(window_fd, fcntl.F_ADD_SEALS, _SEALS)
        self._window = mmap.mmap(window_fd, SLOT_BYTES * SLOTS, prot=mmap.PROT_READ)
        errors_fd = os.memfd_create("soundgate-errors", os.MFD_CLOEXEC)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            descriptors = (theirs.fileno(), window_fd)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "udfs.decode_worker", *map(str, (*descriptors, self._owner, WORKER_MEMORY))],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors_fd,
                env=_environment(),
            )
        os.close(window_fd)
        self._finalizer = weakref.finalize(self, _stop, self._process, self._control, self._owner)
        try:
            ready = parse_json(self._receive(time.monotonic() + START_SECONDS), Kind.READY)
        except (_WorkerDiedError, ProtocolError, TrackError) as error:
            said = os.pread(errors_fd, 2000, max(0, os.fstat(errors_fd).st_size - 2000)).decode("utf-8", "replace")
            self.stop()
            raise TrackError("error.decoder", f"the decode worker does not start: {error}: {said.strip()}") from error
        finally:
            os.close(errors_fd)
        _tell_confinement(str(ready.get("confined", "none")))

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def is_usable(self) -> bool:
        """Whether the worker is ours (not our parent's, before a fork), alive and idle."""
        return self._owner == os.getpid() and not self.busy and self._process.poll() is None

    def submit(self, data: bytes, limits: DecodeLimits) -> None:
        """Hand a track's bytes over, in memory that nobody can change any more."""
        self.tracks += 1
        self.busy = True
        track_fd = os.memfd_create("soundgate-track", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(track_fd, view) :]
            os.lseek(track_fd, 0, os.SEEK_SET)
            fcntl.fcntl(track_fd, fcntl.F_ADD_SEALS, _SEALS | fcntl.F_SEAL_WRITE)
            message = json.dumps(dataclasses.asdict(limits)).encode()
            try:
                socket.send_fds(self._control, [message], [track_fd])
            except OSError as error:
                raise _WorkerDiedError(self._how_it_ended()) from error
        finally:
            os.close(track_fd)

    def stream(self, limits: DecodeLimits, deadline: float) -> SampleStream:
        """The stream that the worker opens in the track, its blocks read as they are asked for."""
        message = self._receive(deadline)
        if message[0] == Kind.ERROR:
            self.busy = False
            raise TrackError(*parse_error(message))
        stream = parse_stream(message, limits)
        stream.blocks = self._blocks(stream, deadline)
        return stream

    def _blocks(self, stream: SampleStream, deadline: float) -> Iterator[Samples]:
        first_dtype = None
        with memoryview(self._window) as window:
            for count in range(1 << 62):
                message = self._receive(deadline)
                if message[0] == Kind.END:
                    stream.problems.extend(parse_pairs(parse_json(message, Kind.END)))
                    return
                if message[0] == Kind.ERROR:
                    self.busy = False
                    raise TrackError(*parse_error(message))
                dtype, frames = parse_block(message, stream.channels)
                first_dtype = first_dtype or dtype
                if dtype != first_dtype:
                    raise ProtocolError("blocks of several kinds")
                block = as_block(window, count % SLOTS, dtype, frames, stream.channels)
                with contextlib.suppress(OSError):  # if it is gone, the next message says so
                    self._control.send(b"\1")
                yield block

    def _receive(self, deadline: float) -> bytes:
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            raise TrackError("error.decode_deadline", "the decoder did not answer in time")
        try:
            message = self._control.recv(LONGEST_MESSAGE)
        except OSError as error:
            raise _WorkerDiedError(self._how_it_ended()) from error
        if not message:
            raise _WorkerDiedError(self._how_it_ended())
        return message

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its socket"
        return _signal_name(-status) if status < 0 else f"exit status {status}"

    def stop(self) -> None:
        """End the process and wait for it."""
        self._finalizer()
        with contextlib.suppress(BufferError):  # a reader that was interrupted still looks at it
            self._window.close()


def _stop(process: subprocess.Popen[bytes], control: socket.socket, owner: int) -> None:
    control.close()
    if owner == os.getpid():  # a fork's copy is not ours to end
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    """What the worker needs to find its modules, and nothing that it could give away (credentials live here)."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)  # noqa: PTH100 - links stay links
    return kept | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


_told: set[str] = set()


def _tell_confinement(confined: str) -> None:
    if confined in _told:
        return
    _told.add(confined)
    if confined == "seccomp":
        log.info("decoding is confined by seccomp: no network, no files, no other programs")
    elif confined == "namespace":
        log.warning("decoding has no network (a namespace of its own), but seccomp is not granted here")
    else:
        log.warning("decoding runs with resource limits but may reach the network: %s", confined)
