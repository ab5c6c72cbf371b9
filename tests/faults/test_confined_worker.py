"""The decoder that the job starts is really confined: the kernel says so of its process."""

from __future__ import annotations

from pathlib import Path

from job_rig import write_wave

from udfs.sandbox import SandboxedDecoder
from udfs.track import Track


def test_the_kernel_says_that_the_decoders_process_is_filtered_and_limited() -> None:
    with SandboxedDecoder() as decoder:
        decoder(Track(write_wave(1, 1.0)))
        pid = decoder.worker_pid
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        limits = Path(f"/proc/{pid}/limits").read_text()
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert "Max file size             0 " in limits
    assert "Max core file size        0 " in limits
