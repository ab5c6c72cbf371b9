"""What the job keeps in state, by variable, so that two versions can be compared before one follows the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pyspark.sql.streaming.stateful_processor import StatefulProcessorHandle

from streaming.open_upload import STATE_VERSION
from streaming.rebuild import Rebuilder
from streaming.rebuild_processor import RebuildProcessor


class Recorder:
    """Stands for Spark's handle and writes down which state variables are asked for."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def getValueState(self, name: str, schema: Any, ttl: int | None = None) -> None:  # noqa: N802 - Spark's name
        """Record a single value."""
        self._record(name, "value", ttl, schema)

    def getListState(self, name: str, schema: Any, ttl: int | None = None) -> None:  # noqa: N802
        """Record a list."""
        self._record(name, "list", ttl, schema)

    def getMapState(self, name: str, key: Any, value: Any, ttl: int | None = None) -> None:  # noqa: N802
        """Record a map."""
        self._record(name, "map", ttl, key, value)

    def _record(self, name: str, kind: str, ttl: int | None, *schemas: Any) -> None:
        # Spark stores the expiry in the value's own columns: with and without TTL are two schemas.
        shapes = ", ".join(s if isinstance(s, str) else s.simpleString() for s in schemas)
        self.variables[name] = f"{kind}({shapes}){' with ttl' if ttl else ''}"


def describe_state() -> dict[str, str]:
    """Describe this version's state: each variable's shape, and the version of the JSON texts inside."""
    recorder = Recorder()
    rebuilder = cast("Rebuilder", None)  # not used until rows come
    RebuildProcessor(rebuilder, marker_ttl_ms=1).init(cast("StatefulProcessorHandle", recorder))
    return {**recorder.variables, "format": str(STATE_VERSION)}


def compare_state(running: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Say in words where a new version's state is not that of the running one; empty = it can take over."""
    return [
        f"{name}: {running.get(name, 'not there')} -> {new.get(name, 'not there')}"
        for name in sorted(running.keys() | new.keys())
        if running.get(name) != new.get(name)
    ]
