"""The page's script, which Streamlit runs anew for every visit and every click; ``soundgate browse`` starts it."""

from __future__ import annotations

import streamlit as st

from streaming.page.icon import icon
from streaming.page.open_lake import open_lake
from streaming.page.overview import show_overview
from streaming.page.recordings import show_recordings
from streaming.page.text import STYLE
from streaming.page.upload import show_upload
from streaming.page.upload_list import keep_filters, show_list


def uploads() -> None:
    """Show the list, or the one upload that the address names."""
    opened = open_lake()
    chosen = st.query_params.get("upload")
    if chosen:
        show_upload(opened, chosen)
    else:
        show_list(opened)


def recordings() -> None:
    """Show the recordings with their features."""
    show_recordings(open_lake())


def overview() -> None:
    """Show the lake as a whole."""
    show_overview(open_lake())


st.set_page_config(page_title="soundgate", page_icon=icon(), layout="wide")
st.html(STYLE)
st.logo(icon(), size="large")
keep_filters()
page_of_uploads = st.Page(uploads, title="Uploads", icon=":material/queue_music:", default=True)
page = st.navigation(
    [
        page_of_uploads,
        st.Page(recordings, title="Recordings", icon=":material/album:", url_path="recordings"),
        st.Page(overview, title="Overview", icon=":material/monitoring:", url_path="overview"),
    ],
    position="top",
)
if wanted := st.session_state.pop("go to", None):
    st.switch_page(page_of_uploads, query_params={"upload": wanted})
page.run()
