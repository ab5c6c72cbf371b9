"""The lake as a whole: what was decided over time and why, what was hidden, latency, matches, quality."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st
from deltalake import DeltaTable
from matplotlib.figure import Figure

from streaming.look import tables
from streaming.look.uploads import open_if_there
from streaming.page.open_lake import OpenLake
from streaming.pictures import lake as pictures
from streaming.pictures.style import to_png

EVERY_S = 15


def show_overview(opened: OpenLake) -> None:
    """Show the figures; they are drawn anew while the job runs."""
    st.fragment(figures, run_every=EVERY_S)(opened)


def figures(opened: OpenLake) -> None:
    """Draw the lake's figures in two columns."""
    version = opened.uploads.refresh()
    verdicts = opened.uploads.table
    if verdicts is None:
        st.info("No verdict yet: the job has not written to this lake. This page shows them as they come.")
        return
    drawn = opened.drawn.get(
        f"overview {version}", lambda: [to_png(one) for one in draw(verdicts, open_if_there(opened.lake, "rejections"))]
    )
    left, right = st.columns(2, gap="large")
    for place, png in enumerate(drawn):
        (left, right)[place % 2].image(png, width="stretch")


def draw(verdicts: DeltaTable, rejections: DeltaTable | None) -> Iterator[Figure]:
    """Draw them in the order in which they are read: left, right, and so on down."""
    time = tables.timeline(verdicts)
    yield pictures.show_decisions(time)
    yield pictures.show_latency(time)
    yield pictures.show_reasons(tables.reasons(verdicts))
    yield pictures.show_hidden(tables.hidden(verdicts))
    yield pictures.show_matches(tables.matches(verdicts))
    yield pictures.show_refused_records(tables.refused_records(rejections) if rejections else [])
    yield pictures.show_quality(tables.quality(verdicts))
