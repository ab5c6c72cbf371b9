"""What the page keeps open for all its visitors: the tables, the decoder, the index; and what it has drawn already."""

from __future__ import annotations

import argparse
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import streamlit as st

from streaming.look.depth import Lens, open_index_to_look
from streaming.look.player import safe_sound
from streaming.look.stored import NotStoredError
from streaming.look.uploads import Uploads
from streaming.pictures.style import to_png
from streaming.pictures.upload import show_bytes, show_close_up, show_track
from udfs.sandbox import SandboxedDecoder

DRAWN = 64  # uploads whose pictures are kept
HEARD = 8  # uploads whose sound is kept

Made = TypeVar("Made")


@dataclass(frozen=True)
class Pictures:
    """One upload's pictures, as PNG files."""

    track: bytes
    close_up: bytes
    bytes: bytes


@dataclass
class Recent:
    """Keeps the last few of what is costly to make."""

    most: int
    _kept: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, name: str, make: Callable[[], Made]) -> Made:
        """Give what is kept under a name, or make it."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                found: Made = self._kept[name]
                return found
        made = make()
        with self._lock:
            self._kept[name] = made
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return made


@dataclass
class OpenLake:
    """A lake as the page sees it: read-only."""

    lake: str
    uploads: Uploads
    lens: Lens
    drawn: Recent = field(default_factory=lambda: Recent(DRAWN))
    heard: Recent = field(default_factory=lambda: Recent(HEARD))

    def draw(self, row: dict[str, Any]) -> Pictures:
        """Draw an upload."""
        return self.drawn.get(row["upload_id"], lambda: self._draw(row))

    def _draw(self, row: dict[str, Any]) -> Pictures:
        seen = self.lens.look(row)
        return Pictures(to_png(show_track(seen)), to_png(show_close_up(seen)), to_png(show_bytes(seen)))

    def listen(self, row: dict[str, Any]) -> tuple[bytes, str] | None:
        """Give an accepted upload's sound; None for what is not played."""
        return self.heard.get(row["upload_id"], lambda: self._listen(row))

    def _listen(self, row: dict[str, Any]) -> tuple[bytes, str] | None:
        try:
            return safe_sound(row, self.lens.decode, self.lake)
        except NotStoredError:
            return None


def said(arguments: list[str]) -> argparse.Namespace:
    """Read what `soundgate browse` hands to the page."""
    options = argparse.ArgumentParser()
    options.add_argument("--lake", required=True)
    options.add_argument("--index")
    options.add_argument("--recordings", type=Path)
    return options.parse_args(arguments)


@st.cache_resource(show_spinner=False)
def open_lake() -> OpenLake:
    """Open what the command line named, once for the life of the server."""
    options = said(sys.argv[1:])
    index = open_index_to_look(options.index)
    lens = Lens(SandboxedDecoder(), options.lake, index, options.recordings)
    return OpenLake(options.lake, Uploads(options.lake), lens)
