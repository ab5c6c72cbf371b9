"""One upload in depth: its verdict, a player, pictures, evidence, matches, versions, rejected records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from streaming.look.player import LONGEST_S, may_be_played
from streaming.look.uploads import rejected_records
from streaming.page.open_lake import OpenLake
from streaming.page.text import heading, safe, shown
from streaming.pictures.sound import clock
from streaming.pictures.style import DECISIONS
from udfs.reasons import info

VERSIONS = ("code_version", "index_sha256", "model_sha256", "settings_sha256")
TIMES = ("first_arrival", "last_arrival", "decided_at")
AUDIO = ("container", "codec", "sample_rate", "channels", "duration_ms", "bytes", "quality", "sha256", "stored_at")
ARRIVED = (
    *("partition_key", "stream", "chunks_expected", "chunks_received", "chunks_duplicate"),
    *("first_sequence_number", "last_sequence_number", *TIMES, "latency_ms"),
)
MATCH = (
    *("title", "artist", "reference_id", "score", "query_offset_ms", "reference_offset_ms", "matched_ms"),
    *("coverage", "speed", "pitch"),
)


def show_upload(opened: OpenLake, upload_id: str) -> None:
    """Show everything that is known of an upload."""
    if st.button("Back to the list", icon=":material/arrow_back:"):
        del st.query_params["upload"]
        st.rerun()
    opened.uploads.refresh()
    row = opened.uploads.one(upload_id)
    records = rejected_records(opened.lake, upload_id)
    if row is None:
        st.warning("There is no verdict on this upload: it is in flight, or was never seen.")
        show_records(records)
        return
    show_verdict(row)
    show_player(opened, row)
    pictures, evidence, identity, facts = st.tabs(["Pictures", "Evidence", "Identity", "Facts and versions"])
    with pictures:
        show_pictures(opened, row)
    with evidence:
        show_evidence(row)
        show_records(records)
    with identity:
        show_matches(row)
    with facts:
        show_facts(row)


def show_verdict(row: dict[str, Any]) -> None:
    """Show the decision and why, in a few lines."""
    decision = str(row["decision"])
    under = f"upload {safe(row['upload_id'])} of {safe(row['user_id'] or 'nobody', 60)}"
    heading(row["track_name"] or "(no name)", decision, DECISIONS.get(decision, "#8b93a3"), under)
    lines = [f"<b>{safe(code)}</b> {safe(info(code).text)}" for code in row["reasons"] or ()]
    if row["identity"] == "match":
        at = clock(round((row["reference_offset_ms"] or 0) / 1000, 1))
        by = f" by {safe(row['artist'])}" if row["artist"] else ""
        lines.append(f"matches <b>{safe(row['title'] or row['reference_id'])}</b>{by}, from {at}")
    st.html("<br>".join(lines) or "Nothing speaks against it; no known recording matches.")


def show_player(opened: OpenLake, row: dict[str, Any]) -> None:
    """Let an accepted upload be heard; of what was refused nothing is played."""
    if not may_be_played(row):
        st.caption("No player: only uploads that were accepted and kept are played.")
        return
    with st.spinner("Decoding …", show_time=False):
        heard = opened.listen(row)
    if heard is None:
        st.caption("No player: the stored upload is not there any more, or makes no sound.")
        return
    st.audio(heard[0], format=heard[1])
    if (row["duration_ms"] or 0) > LONGEST_S * 1000:
        st.caption(f"The first {LONGEST_S // 60} minutes.")


def show_pictures(opened: OpenLake, row: dict[str, Any]) -> None:
    """Show the upload's figures."""
    with st.spinner("Drawing …"):
        drawn = opened.draw(row)
    st.image(drawn.track, width="stretch")
    st.image(drawn.close_up, width="stretch")
    st.image(drawn.bytes, width="stretch")


def show_evidence(row: dict[str, Any]) -> None:
    """Show what was measured, and what was recovered: types, never bytes."""
    found = json.loads(row["evidence"] or "{}")
    reasons = [
        {"code": shown(one["code"]), "seen": shown(one.get("detail")), "means": info(one["code"]).text}
        for one in found.get("reasons", ())
    ]
    show_table("Reasons", reasons, "Nothing was noted.")
    payloads = [{name: shown(one[name]) for name in ("kind", "where", "length", "sha256")} for one in _list(row)]
    show_table("Recovered payloads", payloads, "None. (Only their types are ever shown.)")
    numbers = [{"name": shown(name), "value": value} for name, value in found.get("numbers", {}).items()]
    if row["mock_score"] is not None:
        numbers.insert(0, {"name": "mock_score", "value": row["mock_score"]})
    show_table("Numbers", numbers, "Nothing was measured.")


def _list(row: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return row["payloads"] or ()


def show_matches(row: dict[str, Any]) -> None:
    """Show the match, further ones and the next candidates."""
    own = [{"accepted": True, **{name: row[name] for name in MATCH}}] if row["identity"] == "match" else []
    found = [*own, *(row["candidates"] or ())]
    cells = [{name: _cell(one.get(name)) for name in ("accepted", *MATCH)} for one in found]
    nothing = "not tried" if row["identity"] == "not_tried" else "no recording comes near"
    show_table("Matches, and the next candidates (not accepted)", cells, f"None: {nothing}.")


def show_facts(row: dict[str, Any]) -> None:
    """Show the sound's facts, how it arrived, and what judged it."""
    left, right = st.columns(2)
    with left:
        definitions("The audio", row, AUDIO)
        definitions("Judged by", row, VERSIONS)
    with right:
        definitions("Arrival", row, ARRIVED)
        missing = [f"{one['first']} to {one['last']}" for one in row["missing"] or ()]
        if missing:
            st.caption(f"Missing chunks: {', '.join(missing)}")


def show_records(records: list[dict[str, Any]]) -> None:
    """Show an upload's records that could not be used."""
    if records:
        cells = [{name: _cell(value) for name, value in one.items()} for one in records]
        show_table("Rejected records", cells, "")


def definitions(title: str, row: dict[str, Any], names: Sequence[str]) -> None:
    """Show some of a row's columns, one a line."""
    lines = [
        f"<dt>{name}</dt><dd>{safe('–' if row.get(name) is None else _cell(row[name]), 600)}</dd>" for name in names
    ]
    st.html(f"<h4>{title}</h4><dl class='sg-facts'>{''.join(lines)}</dl>")


def show_table(title: str, cells: list[dict[str, Any]], nothing: str) -> None:
    """Show a small table of text and numbers."""
    st.html(f"<h4>{title}</h4>")
    if cells:
        st.dataframe(pd.DataFrame(cells), hide_index=True)
    else:
        st.caption(nothing)


def _cell(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) or value is None else shown(value)
