"""Measure what ``soundgate browse`` asks of a lake of thousands of uploads: one upload, a page, a filter, the counts.

    python tests/bench/browse.py                 # 5,332 uploads, as the job leaves them and after `lake optimize`
    python tests/bench/browse.py --uploads 100000 --batch 500
    python tests/bench/browse.py --page          # and in Chromium: an upload's address typed, until its verdict is seen

Prints the middle and the slowest of so many times, in milliseconds, and the least of them: other processes take time
away, and never give any.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from browse_lake import make

from streaming.look.uploads import Filter, Uploads
from streaming.page.serve import bind
from streaming.upkeep import Access, optimize

TIMES = 15


def main() -> None:
    """Make a lake, measure, optimize, measure again."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--uploads", type=int, default=5_332)
    options.add_argument("--batch", type=int, default=20, help="uploads a commit")
    options.add_argument("--page", action="store_true", help="also in a browser")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="soundgate-bench-") as scratch:
        lake = Path(scratch, "lake")
        ids = make(lake, chosen.uploads, chosen.batch)
        for state in ("as the job leaves it", "after lake optimize"):
            measure(state, str(lake), ids)
            if chosen.page:
                measure_page(lake, ids)
            optimize(Access(str(lake)), "verdicts")


def measure(state: str, lake: str, ids: list[str]) -> None:
    """Measure each question."""
    uploads = Uploads(lake)
    table = uploads.table
    assert table is not None
    print(f"\n{state}: {len(ids):,} uploads in {len(table.file_uris())} files", flush=True)
    chosen = random.Random(8)
    questions: dict[str, Callable[[], object]] = {
        "open the table": lambda: Uploads(lake).table,
        "one upload by its id": lambda: uploads.one(chosen.choice(ids)),
        "the newest 50": lambda: uploads.page(Filter()),
        "the oldest 50": lambda: uploads.page(Filter(), (len(ids) - 1) // 50),
        "counts by decision": lambda: uploads.count(Filter()),
        "one user's": lambda: uploads.page(Filter(user="user-007")),
        "refused ones of a recording": lambda: uploads.page(Filter(decisions=("reject",), recording="hill")),
    }
    for name, ask in questions.items():
        report(name, [timed(ask) for _ in range(TIMES)])


def measure_page(lake: Path, ids: list[str]) -> None:
    """Measure from an upload's address to its verdict on the page; pictures follow."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or sys.exit("there is no Chromium")
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    line = [Path(sys.executable).with_name("soundgate"), "browse", "--lake", lake, "--port", str(port)]
    server = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{port}/_stcore/health")
        with sync_playwright() as driver:
            page = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page()

            def visit() -> None:
                page.goto(f"http://127.0.0.1:{port}/?upload={random.choice(ids)}")
                page.locator(".sg-name").wait_for(timeout=60_000)

            visit()
            report("an upload's page in Chromium", [timed(visit) for _ in range(TIMES)])
    finally:
        server.terminate()
        server.wait()


def wait(address: str) -> None:
    """Wait until a server answers."""
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=1).read()  # noqa: S310 - ours
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("the page's server does not answer")


def timed(ask: Callable[[], object]) -> float:
    """Time one question, in milliseconds."""
    started = time.perf_counter()
    ask()
    return (time.perf_counter() - started) * 1000


def report(name: str, times: list[float]) -> None:
    """Print a line."""
    print(f"  {name:32} {statistics.median(times):7.0f} {max(times):7.0f} {min(times):7.0f}", flush=True)


if __name__ == "__main__":
    main()
