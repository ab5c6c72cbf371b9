"""The lake as a whole: what was decided over time and why, what was hidden, latency, matches, quality."""

from __future__ import annotations

import streamlit as st
from deltalake import DeltaTable

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
    rejections = open_if_there(opened.lake, "rejections")
    drawn = opened.drawn.get(f"overview {verdicts.metadata().id} {version}", lambda: draw(verdicts, rejections))
    for column, pictures_of_it in zip(st.columns(2, gap="large"), drawn, strict=True):
        for png in pictures_of_it:
            column.image(png, width="stretch")


def draw(verdicts: DeltaTable, rejections: DeltaTable | None) -> tuple[list[bytes], list[bytes]]:
    """Draw the left column's figures and the right one's, from above."""
    time = tables.timeline(verdicts)
    left = [
        pictures.show_decisions(time),
        pictures.show_reasons(tables.reasons(verdicts)),
        pictures.show_matches(tables.matches(verdicts)),
    ]
    right = [
        pictures.show_latency(time),
        pictures.show_hidden(tables.hidden(verdicts)),
        pictures.show_refused_records(tables.refused_records(rejections) if rejections else []),
        pictures.show_quality(tables.quality(verdicts)),
    ]
    return [to_png(one) for one in left], [to_png(one) for one in right]
