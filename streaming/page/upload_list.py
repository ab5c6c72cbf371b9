"""The list of uploads: filters, counts, a page of rows, refreshed while the job runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from streaming.look.uploads import PAGE, Filter
from streaming.page.open_lake import OpenLake
from streaming.page.text import shown
from streaming.pictures.style import DECISIONS

EVERY_S = 4  # seconds between looks at the table while it is live
LONG_AGO = {"any time": None, "last hour": 1, "last day": 24, "last week": 168}  # hours
BETWEEN = "between two days"
FILTERS = ("when", "since", "until", "decisions", "reason", "user", "recording", "name", "live")
BACKGROUND = {"accept": "#e3f4ee", "review": "#fbf1dc", "reject": "#f9e3e4", "incomplete": "#eceef2"}


def keep_filters() -> None:
    """Keep what was chosen while another view is shown: Streamlit forgets what is not on the page."""
    for name in FILTERS:
        if name in st.session_state:
            st.session_state[name] = st.session_state[name]


def show_list(opened: OpenLake) -> None:
    """Show filters and list."""
    which = ask(opened)
    if st.session_state.get("asked") != which:
        st.session_state["asked"], st.session_state["page"] = which, 0
    live = st.session_state.get("live", True)
    st.fragment(rows, run_every=EVERY_S if live else None)(opened, which)


def ask(opened: OpenLake) -> Filter:
    """Show the filters; give what they say."""
    first, second, third, fourth = st.columns((1.2, 2.1, 1.8, 0.6), vertical_alignment="center")
    when = first.selectbox("Decided", [*LONG_AGO, BETWEEN], key="when")
    decisions = second.pills("Decision", list(DECISIONS), selection_mode="multi", key="decisions")
    reason = third.selectbox(
        "Reason", opened.uploads.reasons(), index=None, key="reason", placeholder="any", format_func=shown
    )
    fourth.toggle("Live", value=True, key="live", help="Look for new verdicts every few seconds.")
    first, second, third = st.columns(3)
    user = first.text_input("User", key="user", placeholder="a whole user id")
    recording = second.text_input("Recording", key="recording", placeholder="part of a title, an artist or an id")
    name = third.text_input("Upload", key="name", placeholder="part of its name, or its whole id")
    since, until = _between() if when == BETWEEN else (_ago(str(when)), None)
    return Filter(since, until, tuple(decisions or ()), reason or "", user.strip(), recording.strip(), name.strip())


def _ago(when: str) -> datetime | None:
    hours = LONG_AGO[when]
    # A whole minute, so that the filter, and with it the page of the list, stays the same for as long.
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=hours) if hours else None


def _between() -> tuple[datetime, datetime]:
    first, second = st.columns(2)
    today = datetime.now(UTC).date()
    since: date = first.date_input("From", value=today - timedelta(days=7), key="since")
    until: date = second.date_input("To, this day too (UTC)", value=today, key="until")
    start = datetime.combine(since, time(), UTC)
    return start, datetime.combine(until, time(), UTC) + timedelta(days=1)


def rows(opened: OpenLake, which: Filter) -> None:
    """Show the counts and a page of the list; runs again by itself while live."""
    open_the_chosen()
    version = opened.uploads.refresh()
    if opened.uploads.table is None:
        st.info("No verdict yet: the job has not written to this lake. This page shows them as they come.")
        return
    counts = opened.uploads.count(which)
    total = sum(counts.values())
    show_counts(counts, total)
    if not total:
        nothing = "No upload is like that." if which != Filter() else "The table of verdicts is empty so far."
        st.info(nothing)
        return
    page = choose_page(total)
    show_rows(opened.uploads.page(which, page), f"rows {times_opened()} of {version}, page {page}, {which}")


def open_the_chosen() -> None:
    """Open the upload that was clicked in the list as it was shown then; new rows may have moved it since."""
    key, ids = st.session_state.get("shown", ("nothing", []))
    selection = st.session_state.get(key, {}).get("selection", {})
    chosen = [*selection.get("rows", ()), *(row for row, _ in selection.get("cells", ()))]
    if chosen and chosen[0] < len(ids):
        del st.session_state["shown"]
        st.session_state["opened"] = times_opened() + 1
        st.query_params["upload"] = ids[chosen[0]]
        st.rerun()


def times_opened() -> int:
    """Say how many uploads were opened from the list; part of its key, so that it comes back without the old click."""
    return int(st.session_state.get("opened", 0))


def show_counts(counts: dict[str, int], total: int) -> None:
    """Show how many there are of each decision."""
    each = [(decision, counts.get(decision, 0), colour) for decision, colour in DECISIONS.items()]
    chips = [f'<div class="sg-chip"><b>{total:,}</b><span>uploads</span></div>']
    chips += [
        f'<div class="sg-chip"><i style="background:{colour}"></i><b>{number:,}</b><span>{decision}</span></div>'
        for decision, number, colour in each
    ]
    st.html(f'<div class="sg-chips" data-testid="sg-counts">{"".join(chips)}</div>')


def choose_page(total: int) -> int:
    """Show where in the list we are, and let it be turned; gives the page's number from 0."""
    last = (total - 1) // PAGE
    page = min(int(st.session_state.get("page", 0)), last)
    told, newest, newer, older, oldest = st.columns((6, 1, 1, 1, 1), vertical_alignment="center")
    first = page * PAGE
    told.caption(f"{first + 1:,} to {min(total, first + PAGE):,} of {total:,}, the newest first; click one to open it")
    moves = ((newest, "Newest", 0), (newer, "Newer", page - 1), (older, "Older", page + 1), (oldest, "Oldest", last))
    for place, label, to in moves:
        if place.button(label, disabled=to == page or not 0 <= to <= last, width="stretch"):
            st.session_state["page"] = to
            st.rerun(scope="fragment")
    return page


def show_rows(found: list[dict[str, Any]], key: str) -> None:
    """Show a page of rows; a click on one opens it."""
    st.session_state["shown"] = (key, [row["upload_id"] for row in found])
    st.dataframe(
        _coloured(pd.DataFrame([_cells(row) for row in found])),
        hide_index=True,
        height=35 * min(len(found), 18) + 38,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key=key,
        column_config={
            "decision": st.column_config.TextColumn(width=86),
            "upload": st.column_config.TextColumn(width=240),
            "user": st.column_config.TextColumn(width=80),
            "recording": st.column_config.TextColumn(width=220),
            "why": st.column_config.TextColumn(width=190),
            "mock": st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=1.0, width=86),
            "quality": st.column_config.TextColumn(width=70),
            "length": st.column_config.NumberColumn(format="%.1f s", width=64),
            "latency": st.column_config.NumberColumn(format="%.1f s", width=64),
            "decided (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", width=146),
        },
    )


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    by = f" – {row['artist']}" if row["artist"] else ""
    return {
        "decision": row["decision"],
        "upload": shown(row["track_name"]) or "(no name)",
        "user": shown(row["user_id"], 60),
        "recording": shown(f"{row['title'] or row['reference_id']}{by}") if row["identity"] == "match" else "",
        "why": shown(", ".join(row["reasons"] or ())),
        "mock": row["mock_score"],
        "quality": shown(row["quality"]),
        "length": None if row["duration_ms"] is None else row["duration_ms"] / 1000,
        "latency": None if row["latency_ms"] is None else row["latency_ms"] / 1000,
        "decided (UTC)": row["decided_at"].replace(tzinfo=None) if row["decided_at"] else None,
    }


def _coloured(table: pd.DataFrame) -> Styler:
    return table.style.map(lambda value: f"background-color: {BACKGROUND.get(value, '')}", subset=["decision"])
