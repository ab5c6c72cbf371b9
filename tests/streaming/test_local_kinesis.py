"""The local Kinesis server: pinned without addresses, on loopback only, and gone when it should be."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from streaming.errors import UserError
from streaming.local_kinesis import HOME, LocalKinesis, install


def is_up(url: str) -> bool:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=1)
    try:
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_the_lock_file_has_checksums_and_no_addresses():
    lock = json.loads((HOME / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages["node_modules/kinesis-local"]["version"] == "0.6.2"
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not re.search(r"https?://|resolved", (HOME / "package-lock.json").read_text())


def test_it_listens_on_loopback_alone():
    with LocalKinesis() as kinesis:
        assert is_up(kinesis.url)
        port = int(kinesis.url.rsplit(":", 1)[1])
        listening = [
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()
            if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
        ]
        assert listening == [f"0100007F:{port:04X}"]
    assert not is_up(kinesis.url)


def test_it_ends_with_a_process_that_is_killed():
    process = subprocess.Popen([sys.executable, "-m", "streaming.local_kinesis", "s:1"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    assert is_up(url)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while is_up(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_up(url)


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NODE_OPTIONS", "--no-such-option")
    with pytest.raises(UserError, match=r"ended at once: .*no-such-option"), LocalKinesis():
        pass


def test_one_process_installs_and_the_others_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HOME / name, tmp_path)
    run, commands = subprocess.run, []

    def noted(command: list[str], **named: Any) -> Any:
        commands.append(command)
        return run(command, **named)

    monkeypatch.setattr("streaming.local_kinesis.HOME", tmp_path)
    monkeypatch.setattr(subprocess, "run", noted)
    with ThreadPoolExecutor(3) as pool:
        folders = {folder for _, folder in pool.map(lambda _: install(), range(3))}
    assert folders == {tmp_path / "node_modules" / "kinesis-local"}
    assert len(commands) == 1
