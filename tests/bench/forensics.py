"""Measure real-or-mock: build the development corpus, judge it, print the target table.

    python tests/bench/forensics.py [--files N] [--seed S] [--split dev | check | fresh] [--dump FOLDER]

Recordings, payloads, seeds and parameters differ from those of the training set. The first run fetches Debian
packages into ~/.cache/soundgate/recordings (SOUNDGATE_RECORDINGS moves it).
"""

from __future__ import annotations

import argparse
import collections
import random
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import forensics_sources
import numpy as np
from forensics_containers import CONTAINER_FAMILIES, odd_tags
from forensics_layers import music_and_payload, plain_music, under_music
from forensics_mocks import SAMPLE_FAMILIES, Case, Maker
from forensics_modems import modem
from forensics_traps import REAL_MAKERS

from udfs.container import walk
from udfs.decode import decode
from udfs.errors import TrackError
from udfs.findings import Decision
from udfs.forensics import examine
from udfs.reasons import info
from udfs.track import Track
from udfs.verdict import decide

PLAIN, HARD = "abcdeghij", "fkl"
MOCK_MAKERS = {**SAMPLE_FAMILIES, "l": music_and_payload, "f": modem, "under": under_music, **CONTAINER_FAMILIES}
MAKERS = {**MOCK_MAKERS, **{maker.__name__: maker for maker in (*REAL_MAKERS, plain_music, odd_tags)}}


class Judged(NamedTuple):
    """One case and what was said of it."""

    family: str
    maker: str
    detail: str
    accepted: bool
    score: float
    codes: tuple[str, ...]
    cpu: float
    seconds: float
    crashed: str


def judge(job: tuple[str, str, str, Path | None]) -> Judged | None:
    """Make one case from its seed and judge it."""
    name, seed, split, dump = job
    try:
        case: Case = MAKERS[name](Maker(split, random.Random(seed)))
    except forensics_sources.sf.SoundFileError:
        return None
    if dump:
        (dump / f"{case.family}_{name}_{seed.split()[-1]}{case.suffix}").write_bytes(case.data)
    track = Track(case.data)
    started = time.process_time()
    try:
        report = walk(track.data)
        decoded, failure = None, None
        try:
            decoded = decode(track)
        except TrackError as error:
            failure = error
        verdict = decide(examine(track, report, decoded), failure)
    except Exception as error:
        return Judged(case.family, name, case.detail, True, 0.0, (), 0.0, 0.0, repr(error))
    cpu = time.process_time() - started
    seconds = len(decoded.samples) / decoded.sample_rate if decoded else 0.0
    codes = tuple(reason.code for reason in verdict.reasons)
    score = 1.0 if verdict.mock_score is None else verdict.mock_score
    return Judged(case.family, name, case.detail, verdict.decision is Decision.ACCEPT, score, codes, cpu, seconds, "")


def family_of(code: str) -> str:
    """The family letter of a code, also of what is undecided about it."""
    first, _, rest = code.partition(".")
    return info(rest.replace("_", ".", 1) if first == "undecided" else code).family


def auc(mocks: np.ndarray, reals: np.ndarray) -> float:
    """Area under the receiver's curve: how often a mock scores above a real file."""
    order = np.sort(reals)
    below = np.searchsorted(order, mocks, "left") + np.searchsorted(order, mocks, "right")
    return float(below.mean() / 2 / len(reals)) if len(mocks) and len(reals) else float("nan")


def main() -> None:
    """Build, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=60, help="cases a mock family; six times as many real ones in all")
    parser.add_argument("--seed", default="dev", help="another seed makes another corpus")
    parser.add_argument("--split", default="dev", choices=["dev", "check", "fresh"], help="whose recordings")
    parser.add_argument("--dump", type=Path, help="also write the files there")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    forensics_sources.fetch(given.split)
    if given.dump:
        given.dump.mkdir(parents=True, exist_ok=True)
    jobs = [
        (name, f"{given.seed} {name} {i}", given.split, given.dump)
        for name in MAKERS
        for i in range(given.files * (2 if name in {m.__name__ for m in REAL_MAKERS} else 1))
    ]
    with ProcessPoolExecutor(given.jobs) as pool:
        judged = [one for one in pool.map(judge, jobs, chunksize=8) if one]
    show(judged)


def show(judged: list[Judged]) -> None:
    """Print misses and false refusals by family, then the target table."""
    groups: dict[str, list[Judged]] = collections.defaultdict(list)
    for one in judged:
        groups[one.maker if one.family == "real" else one.family].append(one)
    print(f"{'family':12} {'files':>5} {'wrong':>5} {'right code':>10}  wrong ones")
    for name, ones in sorted(groups.items()):
        real = ones[0].family == "real"
        wrong = [one for one in ones if one.accepted != real and one.family != "m"]
        named = sum(any(family_of(code) == name for code in one.codes) for one in ones)
        share = "" if real or name == "m" else f"{named / len(ones):.2f}"
        shown = "; ".join(f"{one.detail} ({','.join(one.codes[:2])} {one.score:.2f})" for one in wrong[:12])
        print(f"{name:12} {len(ones):5} {len(wrong):5} {share:>10}  {shown}")
    reals = np.array([one.score for one in judged if one.family == "real"])
    plain = [one for one in judged if one.family in PLAIN]
    hard = [one for one in judged if one.family in HARD]
    refused = sum(not one.accepted for one in judged if one.family == "real")
    cpu = np.array([one.cpu for one in judged])
    print(f"\nreal files refused            {refused} of {len(reals)}")
    print(f"plain mocks missed            {sum(one.accepted for one in plain)} of {len(plain)}")
    print(f"hard mocks missed             {sum(one.accepted for one in hard)} of {len(hard)}")
    for label, wanted in (
        ("modem", lambda one: one.family == "f"),
        ("payload beside music", lambda one: one.family == "l" and "under music" not in one.detail),
        ("payload 20 dB under music", lambda one: one.family == "l" and "under music" in one.detail),
        ("plain payload in low bits", lambda one: one.family == "k" and "encrypted" not in one.detail),
        ("encrypted payload in low bits", lambda one: one.family == "k" and "encrypted" in one.detail),
    ):
        ones = [one for one in judged if wanted(one)]
        print(f"  {label:28}{sum(one.accepted for one in ones)} of {len(ones)}")
    print(f"AUC plain / hard              {auc(np.array([o.score for o in plain]), reals):.5f}", end=" / ")
    print(f"{auc(np.array([o.score for o in hard]), reals):.4f}")
    print(
        f"CPU a file, decoding included {np.median(cpu) * 1e3:.0f} ms median, {np.quantile(cpu, 0.95) * 1e3:.0f} ms p95"
    )
    print(f"speed                         {sum(one.seconds for one in judged) / cpu.sum():.0f} x realtime")
    print(f"crashes                       {sum(bool(one.crashed) for one in judged)}")
    print(f"peak memory                   {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10} MiB")
    for one in judged:
        if one.crashed:
            print(f"crash: {one.detail}: {one.crashed}")


if __name__ == "__main__":
    main()
