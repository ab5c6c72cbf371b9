"""``soundgate browse`` in a real browser: Debian's Chromium, driven over the page of a real server."""

from __future__ import annotations

import http.client
import io
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lake_rig
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect, sync_playwright

from streaming.commands.browse import browse
from streaming.errors import UserError
from streaming.page.serve import bind, is_loopback, options_of
from udfs.track import Track

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

MANY = 2_400
PATIENCE_MS = 60_000  # a busy machine draws slowly
HOSTILE = (
    "<script>document.title='taken'</script><img src=http://evil.example/a.png onerror=document.title='taken'> "
    "[x](javascript:alert(1)) ![i](http://evil.example/b.png) $\\frac{$ :red[r] \u202egpj.exe\x07\n<b>bold</b>.wav"
)
# The server's own connections are written down, so that one to another machine is noticed.
WATCHED = """
import sys
log = open(sys.argv.pop(1), "a", buffering=1)
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        log.write(f"{arguments[1][0]}\\n")
    if event == "socket.getaddrinfo":
        log.write(f"{arguments[0]}\\n")
sys.addaudithook(watch)
from streaming.cli import main
main()
"""


@dataclass
class Visited:
    """A page of a lake that was empty when it was first visited, and filled while it was open."""

    page: Page
    url: str
    lake: Path
    rows: dict[str, dict[str, Any]]
    empty_said: str
    contacted: Path
    requests: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> Page:
        self.page.goto(self.url + address)
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        expect.set_options(timeout=PATIENCE_MS)
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--mute-audio"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def visited(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    folder = tmp_path_factory.mktemp("browse")
    lake, contacted = folder / "lake", folder / "contacted"
    lake.mkdir()
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    line = ["browse", "--lake", str(lake), "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-c", WATCHED, str(contacted), *line], stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
            page = browser.new_page(viewport={"width": 1360, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"http://127.0.0.1:{port}")
            said = page.get_by_test_id("stAlert").inner_text()
            rows = fill(lake)
            page.get_by_test_id("sg-counts").wait_for()  # nobody loads the page again
            yield Visited(page, f"http://127.0.0.1:{port}/", lake, rows, said, contacted, asked)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0, "it was told to stop, with a page open"


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=1).read()  # noqa: S310 - ours
            return
        except OSError:
            assert server.poll() is None, "the server ended"
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(0.2)
    raise AssertionError("the server does not answer")


def fill(lake: Path) -> dict[str, dict[str, Any]]:
    """Write some really judged uploads, and thousands that are like them."""
    rate = 16_000
    time = np.arange(6 * rate) / rate
    tune = 0.3 * np.sin(2 * np.pi * 440 * 2 ** (np.floor(time * 4) % 7 / 12) * time) * np.exp(-(time * 4 % 1))
    random = np.random.default_rng(8)
    noise = random.integers(-32_768, 32_767, 3 * rate).astype("<i2")
    rows = {
        "sound": lake_rig.judge(lake, Track(flac(tune + random.normal(0, 1e-3, len(tune)), rate), name="a tune.flac")),
        "mock": lake_rig.judge(lake, Track(flac(noise, rate), name="a mock.flac")),
    }
    assert [row["decision"] for row in rows.values()] == ["accept", "reject"]
    rows["hostile"] = {
        **rows["sound"],
        "identity": "match",
        "title": HOSTILE,
        "artist": HOSTILE,
        "reference_id": "x",
        "score": 1.0,
        "speed": 1.0,
        "query_offset_ms": 0,
        "reference_offset_ms": 0,
        "matched_ms": 5_000,
        "track_name": HOSTILE,
        "evidence": '{"reasons": [{"code": "container.crc", "detail": "<b>bold</b> [x](javascript:alert(2))"}]}',
    }
    for number, (what, row) in enumerate(rows.items()):
        rows[what] = {**row, **lake_rig.facts(90_000 - 10 * number), "user_id": f"user of {what}"}
    many = [
        {
            **rows["sound"],
            **lake_rig.facts(number),
            "upload_id": str(uuid.UUID(int=number + 1)),
            "user_id": f"u{number % 40}",
            "track_name": f"upload {number:05}.flac",
            "partition_key": f"u/{number}",
        }
        for number in range(MANY)
    ]
    lake_rig.write_rejections(lake, [{"reason": "wire.crc32", "upload_id": rows["mock"]["upload_id"], "message": "m"}])
    lake_rig.write_verdicts(lake, [*many, *rows.values()])
    return rows


def flac(samples: np.ndarray, rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, "PCM_16", format="FLAC")
    return file.getvalue()


def click_the_only_row(page: Page) -> None:
    table = page.get_by_test_id("stDataFrame")
    table.locator("table[aria-rowcount='2']").wait_for(state="attached")  # what is read aloud of the canvas
    grid = table.locator("canvas").first.bounding_box()
    assert grid is not None
    page.mouse.click(grid["x"] + 150, grid["y"] + 35 + 17)


def test_an_empty_lake_says_so_and_shows_what_comes_without_being_loaded_again(visited: Visited) -> None:
    assert "No verdict yet" in visited.empty_said
    told = (f"{MANY + 3:,} uploads", f"{MANY + 2:,} accept", "0 review", "1 reject", "0 incomplete")
    words = r"\s*".join(re.escape(word) for one in told for word in one.split())
    expect(visited.open().get_by_test_id("sg-counts")).to_have_text(re.compile(words))


def test_a_table_of_thousands_is_turned_page_by_page(visited: Visited) -> None:
    page = visited.open()
    expect(page.get_by_text(f"1 to 50 of {MANY + 3:,}")).to_be_visible()
    page.get_by_role("button", name="Oldest").click()
    expect(page.get_by_text(f"2,401 to {MANY + 3:,} of {MANY + 3:,}")).to_be_visible()
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    page.get_by_role("button", name="Newer").click()
    expect(page.get_by_text(f"2,351 to 2,400 of {MANY + 3:,}")).to_be_visible()


def test_filters_narrow_the_list_and_stay_while_an_upload_is_looked_at(visited: Visited) -> None:
    page = visited.open()
    page.get_by_label("User").fill("u7")
    page.get_by_label("User").press("Enter")
    expect(page.get_by_text(f"1 to 50 of {MANY // 40}")).to_be_visible()
    page.get_by_label("User").fill("")
    page.get_by_label("User").press("Enter")
    page.get_by_role("button", name="reject").click()
    expect(page.get_by_text("1 to 1 of 1,")).to_be_visible()
    click_the_only_row(page)
    expect(page.locator(".sg-name")).to_have_text("a mock.flac")
    page.get_by_role("button", name="Back to the list").click()
    expect(page.get_by_text("1 to 1 of 1,")).to_be_visible()
    page.get_by_label("Upload", exact=True).fill("nothing is called so' OR true --")
    page.get_by_label("Upload", exact=True).press("Enter")
    expect(page.get_by_text("No upload is like that.")).to_be_visible()


def test_an_accepted_upload_is_drawn_and_heard_as_a_copy_without_the_strangers_file(visited: Visited) -> None:
    row = visited.rows["sound"]
    page = visited.open(f"?upload={row['upload_id']}")
    expect(page.locator(".sg-name")).to_have_text("a tune.flac")
    audio = page.get_by_test_id("stAudio")
    audio.wait_for()
    page.wait_for_function("document.querySelector('audio').duration > 0")
    page.evaluate("document.querySelector('audio').play()")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.3")
    assert page.evaluate("document.querySelector('audio').duration") == pytest.approx(6, abs=0.1)
    address = page.evaluate("document.querySelector('audio').currentSrc")
    assert urllib.request.urlopen(address).read() != Path(row["stored_at"]).read_bytes()  # noqa: S310 - ours
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(3)
    page.wait_for_function(
        "[...document.querySelectorAll('[data-testid=stImage] img')].every(i => i.naturalWidth > 900)"
    )
    page.get_by_role("tab", name="Facts and versions").click()
    expect(page.get_by_text(row["model_sha256"])).to_be_visible()


def test_a_refused_upload_is_drawn_and_never_played(visited: Visited) -> None:
    row = visited.rows["mock"]
    assert Path(row["stored_at"]).is_file()
    page = visited.open(f"?upload={row['upload_id']}")
    expect(page.get_by_text("only uploads that were accepted")).to_be_visible()
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(3)
    assert page.locator("audio").count() == 0
    page.get_by_role("tab", name="Evidence").click()
    expect(page.get_by_text("Rejected records")).to_be_visible()


def test_hostile_names_and_tags_are_shown_as_text(visited: Visited) -> None:
    page = visited.open()
    page.get_by_label("Upload", exact=True).fill("<script>document.title")
    page.get_by_label("Upload", exact=True).press("Enter")
    expect(page.get_by_text("1 to 1 of 1,")).to_be_visible()
    click_the_only_row(page)
    name = page.locator(".sg-name")
    expect(name).to_contain_text("<script>document.title='taken'</script><img src=http://evil.example/a.png")
    for tab in ("Evidence", "Identity", "Facts and versions"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("\\u202egpj.exe\\x07\\n<b>bold</b>").first).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(7)
    assert page.title() == "soundgate"
    for page_of in ("", f"?upload={visited.rows['hostile']['upload_id']}"):
        content = visited.open(page_of).content()
        assert "\u202e" not in content
        assert page.locator("a[href^='javascript']").count() == 0
        assert page.locator("img[src*='evil']").count() == 0


def test_recordings_are_shown_with_their_features_and_what_sounds_like_them(visited: Visited) -> None:
    page = visited.open("recordings")
    expect(page.get_by_text("This lake has no features yet")).to_be_visible()
    for what in ("sound", "hostile"):
        lake_rig.write_features(visited.lake, visited.rows[what], ("mel", "chroma", "loudness"))
    page = visited.open("recordings")
    page.get_by_label("Recording").fill("[x](javascript")
    page.get_by_label("Recording").press("Enter")
    expect(page.locator(".sg-name")).to_contain_text("<script>document.title")
    image = page.get_by_test_id("stImage").locator("img")
    expect(image).to_have_count(1)
    expect(page.get_by_text("Sounds like it")).to_be_visible()
    page.get_by_role("button", name="Open that upload").click()
    expect(page.get_by_role("button", name="Back to the list")).to_be_visible()
    assert page.url.endswith(f"?upload={visited.rows['hostile']['upload_id']}")


def test_nothing_outside_is_asked_by_the_page_or_its_server(visited: Visited) -> None:
    visited.open().get_by_test_id("sg-counts").wait_for()
    outside = [url for url in visited.requests if not url.startswith((visited.url, "data:", "blob:"))]
    assert visited.requests
    assert not outside
    assert set(visited.contacted.read_text().split()) <= {"127.0.0.1", "localhost"}


def test_an_upload_that_nobody_knows_is_said_to_be_unknown(visited: Visited) -> None:
    page = visited.open("?upload=%3Cscript%3E'%22")
    expect(page.get_by_text("There is no verdict on this upload")).to_be_visible()


@pytest.mark.parametrize(("host", "status"), [("evil.example", 403), ("127.0.0.1", 101), ("localhost", 101)])
def test_the_page_answers_to_this_machines_own_names_alone(visited: Visited, host: str, status: int) -> None:
    port = int(visited.url.rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
    connection.request("GET", "/_stcore/stream", headers={**upgrade, **key, "Host": f"{host}:{port}"})
    assert connection.getresponse().status == status
    connection.close()


def test_it_listens_on_this_machine_alone_unless_told() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("10.0.0.1")
    assert options_of("10.0.0.1", 1)["server_allowedHosts"] == []
    assert browse.__defaults__ is not None
    assert "127.0.0.1" in browse.__defaults__
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match="give another"):
            bind("127.0.0.1", taken.getsockname()[1])


def test_each_of_the_pages_sixty_files_is_sent_at_once() -> None:
    # asyncio looks at the protocol before it switches Nagle's algorithm off for what is accepted: 40 ms a file.
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
