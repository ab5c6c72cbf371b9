"""The index that a running job answers from, and how it is told to take another: a request in the checkpoint.

    index/requested.json   ``soundgate index use`` wrote it: take the index at its place as it is now
    index/in_use.json      the job's answer: the index that it answers from, since when, and to which request

A job looks before each batch, so that all of a batch is judged against one index, and each verdict names it. An index
that cannot be opened is not taken: the job goes on with the one that it has, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from streaming.judge import JudgeOpener, make_opener
from streaming.places import Place
from streaming.settings import Settings
from streaming.telling import tell
from udfs.index_files import IndexRefusedError
from udfs.landmark_index import open_index

REQUESTED, IN_USE = "index/requested.json", "index/in_use.json"


class IndexInUse:
    """What a job's batches are judged with.

    Parameters
    ----------
    settings
        The job's.
    checkpoint
        Where requests are looked for.
    """

    def __init__(self, settings: Settings, checkpoint: Place) -> None:
        self._settings = settings
        self._checkpoint = checkpoint
        self._answered: str | None = None
        self.opener = make_opener(settings)

    def look(self, renew: Callable[[], str] | None = None) -> JudgeOpener:
        """Take the newest index if that was asked for since the last look; gives what to judge with.

        Parameters
        ----------
        renew
            Opens a catalogue of Delta tables anew and gives its SHA-256; None = it is an index of files.
        """
        request = self._checkpoint.read(REQUESTED)
        asked = read_request(request)
        if asked is None or asked == self._answered:
            return self.opener
        try:
            sha256 = self._take() if renew is None else renew()
            answer = {"index_sha256": sha256}
        except (IndexRefusedError, OSError) as error:
            answer = {"problem": f"{error}"}
            tell(f"the new index is not taken: {error}")
        self._answered = asked
        told = {**answer, "request": asked, "since": datetime.now(UTC).isoformat()}
        self._checkpoint.write(IN_USE, json.dumps(told).encode())
        return self.opener

    def _take(self) -> str:
        opener = make_opener(self._settings)
        sha256 = open_index(opener.index, opener.manifest).sha256
        self.opener = opener
        return sha256


def request_index(checkpoint: Place, name: str) -> None:
    """Ask the job of a checkpoint to take the newest index before its next batch; `name` names the request."""
    checkpoint.write(REQUESTED, json.dumps({"request": name}).encode())


def read_answer(checkpoint: Place, name: str) -> dict[str, Any] | None:
    """Give a job's answer to a request; None = there is none yet."""
    data = checkpoint.read(IN_USE)
    answer: dict[str, Any] = json.loads(data) if data else {}
    return answer if answer.get("request") == name else None


def read_request(data: bytes | None) -> str | None:
    """Read a request's name; None where there is no request."""
    try:
        return None if data is None else str(json.loads(data)["request"])
    except (ValueError, KeyError, TypeError):
        return None  # whoever wrote that asked for nothing that we know
