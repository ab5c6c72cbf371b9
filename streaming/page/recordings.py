"""Recordings, their features, and which ones sound alike."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from deltalake import DeltaTable

from streaming.look.features import features_of, problem_of, sketch
from streaming.look.recordings import named, recordings
from streaming.look.uploads import open_if_there
from streaming.page.open_lake import OpenLake
from streaming.page.text import heading, safe, shown
from streaming.pictures.features import show_features
from streaming.pictures.style import MATCHED, to_png

HOW = "This lake has no features yet. `soundgate features run --lake LAKE --features all` extracts them beside the job."
UNKNOWN = "#8b93a3"


def show_recordings(opened: OpenLake) -> None:
    """Show the recordings, and the chosen one's features under them."""
    opened.uploads.refresh()
    verdicts = opened.uploads.table
    if verdicts is None:
        st.info("No verdict yet: the job has not written to this lake. This page shows them as they come.")
        return
    sought = st.text_input("Recording", key="sought", placeholder="part of a title, an artist, an id or a name").strip()
    found = recordings(verdicts, sought)
    if not found:
        st.info("No accepted upload is like that.")
        return
    st.caption("Known recordings by their id, unknown ones by their file; click one to see its features")
    event = st.dataframe(
        pd.DataFrame([_cells(row) for row in found]),
        hide_index=True,
        height=35 * min(len(found), 8) + 38,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key=f"recordings like {sought}, {[row['recording'] for row in found]}",
        column_config={"newest (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
    )
    chosen = [*event["selection"]["rows"], *(row for row, _ in event["selection"]["cells"])]
    show_recording(opened, verdicts, found[chosen[0]] if chosen and chosen[0] < len(found) else found[0])


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "recording": shown(row["title"]),
        "artist": shown(row["artist"]),
        "known": "known" if row["known"] else "unknown",
        "uploads": row["uploads"],
        "users": row["users"],
        "newest (UTC)": row["newest"].replace(tzinfo=None),
        "id": shown(row["recording"], 60),
    }


def show_recording(opened: OpenLake, verdicts: DeltaTable, row: dict[str, Any]) -> None:
    """Show the features of a recording's newest upload, and what sounds like it."""
    badge, colour = ("known", MATCHED) if row["known"] else ("unknown", UNKNOWN)
    heading(row["title"], badge, colour, f"{safe(row['artist'] or '')} features of upload {safe(row['upload_id'])}")
    if st.button("Open that upload", icon=":material/open_in_new:"):
        st.session_state["go to"] = row["upload_id"]
        st.rerun()
    table = open_if_there(opened.lake, "features")
    if table is None:
        st.info(HOW)
        return
    drawn = opened.drawn.get(f"features of {row['upload_id']} in {table.version()}", lambda: draw(table, row))
    if drawn is None:
        st.info(problem_of(table, row["upload_id"]) or "This upload has no features yet.")
        return
    st.image(drawn, width="stretch")
    show_alike(opened, verdicts, table, row["upload_id"])


def draw(table: DeltaTable, row: dict[str, Any]) -> bytes | None:
    """Draw an upload's features; None where there are none."""
    found = features_of(table, row["upload_id"])
    return None if found is None else to_png(show_features(found, str(row["title"])))


def show_alike(opened: OpenLake, verdicts: DeltaTable, table: DeltaTable, upload_id: str) -> None:
    """List the uploads that sound most like one."""
    sketches = opened.drawn.get(f"sketches of {table.metadata().id} {table.version()}", lambda: sketch(table))
    near = sketches.alike(upload_id)
    st.html("<h4>Sounds like it</h4>")
    if not near:
        st.caption("No other upload has features.")
        return
    names = named(verdicts, [name for name, _ in near])
    cells = [
        {
            "upload": shown(names[name]["track_name"]),
            "recording": shown(names[name]["title"]) if names[name]["identity"] == "match" else "unknown",
            "artist": shown(names[name]["artist"]),
            "user": shown(names[name]["user_id"], 60),
            "distance": distance,
            "id": shown(name),
        }
        for name, distance in near
        if name in names
    ]
    st.dataframe(
        pd.DataFrame(cells),
        hide_index=True,
        column_config={"distance": st.column_config.NumberColumn(format="%.2f")},
    )
    st.caption("Distance by average spectrum, chroma, tempo, onset rate and pitch: 0 is the same sound.")
