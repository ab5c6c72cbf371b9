"""A worker that starts after the index was changed opens it as it was when the job began, where its files are there."""

from __future__ import annotations

import shutil
from pathlib import Path

from job_rig import write_wave

from references.build import add_recordings, build_index
from streaming.judge import JudgeOpener
from udfs.index_files import MANIFEST
from udfs.samples import DecodeLimits


def opened_by(opener: JudgeOpener) -> str:
    """Name the index that a worker would answer from."""
    return opener().index_sha256


def test_a_later_worker_opens_the_index_that_the_job_began_with(tmp_path: Path) -> None:
    for seed in (1, 2):
        (tmp_path / f"{seed}.wav").write_bytes(write_wave(seed))
    index = tmp_path / "index"
    before = build_index([tmp_path / "1.wav"], index).sha256
    pinned = JudgeOpener(index, DecodeLimits(), manifest=(index / MANIFEST).read_bytes())
    after = add_recordings([tmp_path / "2.wav"], index).sha256
    assert opened_by(pinned) == before != after
    assert opened_by(JudgeOpener(index, DecodeLimits())) == after
    shutil.rmtree(index)
    rebuilt = build_index([tmp_path / "2.wav"], index).sha256
    assert opened_by(pinned) == rebuilt, "its files are gone, and the verdicts name what they come from"
