"""Decoding in a process of its own: the same samples, and no track can harm more than itself."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from audio_files import EVERY_FORMAT, ogg_in_a_wave

from udfs.decode import DecodeLimits, decode
from udfs.errors import TrackError
from udfs.sandbox import SandboxedDecoder
from udfs.sandbox_wire import Kind, ProtocolError, parse_block, parse_error, parse_json, parse_pairs, parse_stream
from udfs.track import Track

RATE = 48000


def tone(seconds: float = 1.0, channels: int = 2) -> np.ndarray:
    time_axis = np.arange(int(seconds * RATE)) / RATE
    return np.stack([0.5 * np.sin(2 * np.pi * (440 + 110 * n) * time_axis) for n in range(channels)], axis=1)


def encoded(container: str, subtype: str, samples: np.ndarray) -> Track:
    file = io.BytesIO()
    sf.write(file, samples, RATE, format=container, subtype=subtype)
    return Track(file.getvalue())


@pytest.fixture(scope="module")
def sandbox():
    with SandboxedDecoder() as decoder:
        yield decoder


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_gives_what_decoding_in_process_gives(sandbox, container, subtype):
    track = encoded(container, subtype, tone(7.0))  # more than a slot of the window
    there, here = sandbox(track), decode(track)
    assert there.facts == here.facts
    assert np.array_equal(there.samples, here.samples)
    assert (there.pcm is None) == (here.pcm is None)
    assert here.pcm is None or np.array_equal(there.pcm, here.pcm)


@pytest.mark.parametrize("name", [*EVERY_FORMAT, "ogg in a wave"])
def test_every_format_is_decoded_in_the_sandbox(sandbox, name):
    track = Track(EVERY_FORMAT[name]() if name in EVERY_FORMAT else ogg_in_a_wave())
    there, here = sandbox(track), decode(track)
    assert there.facts == here.facts
    assert there.tags == here.tags
    assert np.array_equal(there.samples, here.samples)


def test_one_worker_serves_many_tracks(sandbox):
    track = encoded("WAV", "PCM_16", tone(0.1))
    sandbox(track)
    pid = sandbox.worker_pid
    for _ in range(20):
        sandbox(track)
    assert sandbox.worker_pid == pid


def test_an_error_of_the_track_leaves_the_worker_alive(sandbox):
    sandbox(encoded("WAV", "PCM_16", tone(0.1)))
    pid = sandbox.worker_pid
    with pytest.raises(TrackError) as error:
        sandbox(Track(b"\x7fELF" + bytes(1000)))
    assert error.value.code == "decode.not_audio"
    sandbox(encoded("WAV", "PCM_16", tone(0.1)))
    assert sandbox.worker_pid == pid


def test_samples_need_no_worker():
    decoder = SandboxedDecoder()
    samples = tone(0.1).astype(np.float32)
    assert np.array_equal(decoder(Track.from_samples(samples, RATE)).samples, samples)
    assert decoder.worker_pid is None


def test_a_worker_killed_between_tracks_is_replaced_without_an_error():
    with SandboxedDecoder() as decoder:
        track = encoded("WAV", "PCM_16", tone(0.1))
        decoder(track)
        first = decoder.worker_pid
        os.kill(first, signal.SIGKILL)
        time.sleep(0.2)
        assert decoder(track).facts.channels == 2
        assert decoder.worker_pid != first


def end_stopped(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)
    if number != signal.SIGKILL:  # a stopped process takes other signals when it goes on
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_is_the_tracks_error_and_the_next_track_works(number):
    with SandboxedDecoder(DecodeLimits(deadline_seconds=30)) as decoder:
        decoder(encoded("WAV", "PCM_16", tone(0.1)))
        os.kill(decoder.worker_pid, signal.SIGSTOP)  # so that it is surely in the middle of the track
        threading.Timer(0.3, end_stopped, (decoder.worker_pid, number)).start()
        with pytest.raises(TrackError) as error:
            decoder(encoded("FLAC", "PCM_16", tone(1.0)))
        assert error.value.code == "error.decoder_died"
        assert number.name in error.value.detail
        time.sleep(0.2)
        assert decoder(encoded("WAV", "PCM_16", tone(0.1))).facts.container == "wav"


def test_a_hang_ends_at_the_deadline():
    with SandboxedDecoder(DecodeLimits(deadline_seconds=0.5)) as decoder:
        decoder(encoded("WAV", "PCM_16", tone(0.1)))
        stuck = decoder.worker_pid
        os.kill(stuck, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(TrackError) as error:
            decoder(encoded("WAV", "PCM_16", tone(0.1)))
        assert error.value.code == "error.decode_deadline"
        assert time.monotonic() - started < 5
        with pytest.raises(ProcessLookupError):
            os.kill(stuck, 0)


def test_a_bomb_is_stopped_while_it_decodes():
    silence = encoded("FLAC", "PCM_16", np.zeros((RATE * 120, 2)))
    assert len(silence.data) < 200_000
    with SandboxedDecoder(DecodeLimits(max_decoded_bytes=4 << 20)) as decoder:
        with pytest.raises(TrackError) as error:
            decoder(silence)
        assert error.value.code == "decode.bomb"
        assert decoder(encoded("WAV", "PCM_16", tone(0.1))).facts.duration_ms == 100


def test_a_child_after_a_fork_gets_a_worker_of_its_own(sandbox):
    track = encoded("WAV", "PCM_16", tone(0.1))
    sandbox(track)
    ours = sandbox.worker_pid
    child = os.fork()
    if child == 0:
        try:
            sandbox(track)
            code = 0 if sandbox.worker_pid != ours else 3
            sandbox.close()
        except BaseException:
            code = 4
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    sandbox(track)
    assert sandbox.worker_pid == ours


def test_the_worker_goes_when_its_parent_is_killed_however_busy_it_is():
    program = (
        "import sys, time; from udfs.sandbox import SandboxedDecoder; from udfs.track import Track\n"
        "decoder = SandboxedDecoder()\n"
        "try: decoder(Track(b'x'))\n"
        "except Exception: pass\n"
        "print(decoder.worker_pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    os.kill(worker, signal.SIGSTOP)  # as if in the depths of a codec: it cannot see that its socket is closed
    parent.kill()
    parent.communicate()
    for _ in range(50):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        if "Z" in Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1][:3]:
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its parent")


SETUP = (
    "import json, os, socket, sys, mmap, ctypes, numpy as np\n"
    "from udfs import confinement\n"
    "def attempt(action):\n"
    "    try: action()\n"
    "    except BaseException as error: return type(error).__name__\n"
    "    return 'done'\n"
    "confinement.limit_resources(256 << 20, 16)\n"
    "how = confinement.confine()\n"
)


def confined(program: str) -> str:
    """What a program prints that runs as confined as the worker does."""
    done = subprocess.run([sys.executable, "-c", SETUP + program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def needs_seccomp() -> None:
    if confined("print(how)") != "seccomp":
        pytest.skip("this kernel grants no seccomp filter")


@pytest.mark.parametrize(
    "action",
    [
        "socket.socket()",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "open('/etc/passwd')",
        "open('/tmp/soundgate-should-not-be', 'w')",
        "os.system('true') and 1/0",
        "os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.execv('/bin/true', ['true'])",
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
        "os.memfd_create('x')",
    ],
)
def test_what_a_decoder_does_not_need_is_denied(action):
    needs_seccomp()
    assert confined(f"print(attempt(lambda: {action}))") != "done"


LIMITS = """
import fcntl, resource, signal, threading, time
written = os.memfd_create("a file that was open before")
confinement.limit_resources(256 << 20, 16)
how = confinement.confine()
def fill_descriptors():
    for _ in range(20):
        fcntl.fcntl(0, fcntl.F_DUPFD)
raised = resource.RLIM_INFINITY, resource.RLIM_INFINITY
print(json.dumps({
    "write": attempt(lambda: os.write(written, b"x")),
    "descriptors": attempt(fill_descriptors),
    "thread": attempt(lambda: threading.Thread(target=print).start()),
    "more memory": attempt(lambda: resource.setrlimit(resource.RLIMIT_AS, raised)),
    "fewer files": attempt(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))),
    "kill": attempt(lambda: os.kill(1, 0)),
    "link": attempt(lambda: os.symlink("/etc/passwd", "/tmp/soundgate-should-not-be")),
    "remove": attempt(lambda: os.remove("/tmp/soundgate-should-not-be")),
    "list": attempt(lambda: os.listdir("/")),
}), flush=True)
confinement.allow_cpu_seconds(0)
while True:
    pass
"""


def test_each_limit_holds_and_cpu_time_ends_in_the_kernels_signal():
    needs_seccomp()
    setup = SETUP.replace("confinement.limit_resources(256 << 20, 16)\nhow = confinement.confine()\n", "")
    process = subprocess.run([sys.executable, "-c", setup + LIMITS], capture_output=True, text=True, timeout=60)
    assert json.loads(process.stdout) == {
        "write": "OSError",
        "descriptors": "OSError",
        "thread": "RuntimeError",
        **dict.fromkeys(["kill", "link", "remove", "list"], "PermissionError"),
        **dict.fromkeys(["fewer files", "more memory"], "ValueError"),  # what Python makes of "not permitted" here
    }
    assert process.returncode == -signal.SIGXCPU


def test_memory_is_limited():
    assert confined("print(attempt(lambda: np.ones(100 << 20)))") in ("MemoryError", "_ArrayMemoryError")


def test_the_worker_gets_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with SandboxedDecoder() as decoder:
        decoder(encoded("WAV", "PCM_16", tone(0.1)))
        assert b"AWS_SECRET" not in Path(f"/proc/{decoder.worker_pid}/environ").read_bytes()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x02",
        b"\x02[]",
        b"\x02{}",
        bytes([Kind.STREAM])
        + json.dumps({"container": "../x", "codec": "c", "sample_rate": 1, "channels": 1}).encode(),
        bytes([Kind.STREAM]) + json.dumps({"container": "x", "codec": "c", "sample_rate": 1e9, "channels": 1}).encode(),
        bytes([Kind.STREAM])
        + json.dumps({"container": "x", "codec": "c", "sample_rate": 1, "channels": 1 << 40}).encode(),
        bytes([Kind.STREAM]) + b"[" * 10000,
    ],
)
def test_nonsense_for_a_stream_is_refused(message):
    with pytest.raises(ProtocolError):
        parse_stream(message, DecodeLimits())


@pytest.mark.parametrize(
    "message",
    [b"", b"\x03", struct.pack("<B2sI", 3, b"O8", 1), struct.pack("<B2sI", 3, b"f4", 1 << 31), b"\x03f4\0\0\0\0"],
)
def test_nonsense_for_a_block_is_refused(message):
    with pytest.raises(ProtocolError):
        parse_block(message, 2)


def test_a_workers_codes_are_taken_only_if_they_look_like_codes():
    with pytest.raises(ProtocolError):
        parse_error(bytes([Kind.ERROR]) + b'{"code": "accept everything"}')
    assert parse_pairs({"problems": [["decode.damaged", "x"], ["evil", "x"], "y", 3]}) == [("decode.damaged", "x")]
    with pytest.raises(ProtocolError):
        parse_json(b"\x04nonsense", Kind.END)


def test_a_closed_socket_ends_the_worker():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    window = os.memfd_create("window")
    os.ftruncate(window, 4 << 20)
    arguments = [str(theirs.fileno()), str(window), str(os.getpid()), str(1 << 30)]
    process = subprocess.Popen(
        [sys.executable, "-m", "udfs.decode_worker", *arguments], pass_fds=(theirs.fileno(), window)
    )
    theirs.close()
    os.close(window)
    assert ours.recv(1000)[0] == Kind.READY
    ours.close()
    assert process.wait(timeout=10) == 0
