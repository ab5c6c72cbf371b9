"""Strangers' text on the page: always text. What Streamlit would read as Markdown is given as escaped HTML instead."""

from __future__ import annotations

from html import escape

import streamlit as st

from streaming.partition_key import printable

LONGEST = 300


def shown(value: object, limit: int = LONGEST) -> str:
    """Give text for a table's cell or a plain element: one line, controls and direction marks written out."""
    text = "" if value is None else printable(str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def safe(value: object, limit: int = LONGEST) -> str:
    """Give text for the inside of an HTML element; its own direction does not reach beyond it."""
    return f'<bdi dir="ltr">{escape(shown(value, limit))}</bdi>'


def heading(title: object, badge: str = "", colour: str = "", under: str = "") -> None:
    """Write a heading that may quote strangers, with a badge of ours beside and a line of HTML of ours under it."""
    mark = f'<span class="sg-badge" style="background:{escape(colour)}">{escape(badge)}</span>' if badge else ""
    below = f'<div class="sg-under">{under}</div>' if under else ""
    st.html(f'<div class="sg-title"><span class="sg-name">{safe(title, 120)}</span>{mark}</div>{below}')


STYLE = """<style>
.block-container {padding: 4.6rem 2.5rem 3rem; max-width: 1420px}
h4 {margin: 0; padding: .2rem 0 0}
.sg-title {display: flex; align-items: center; gap: .8rem; flex-wrap: wrap}
.sg-name {font-size: 1.75rem; font-weight: 650; overflow-wrap: anywhere; line-height: 1.2}
.sg-badge {color: #fff; border-radius: 1rem; padding: .15rem .8rem; font-weight: 600; font-size: .95rem}
.sg-under {color: #5d6776; margin-top: .25rem; overflow-wrap: anywhere}
.sg-chips {display: flex; gap: 1.6rem; flex-wrap: wrap; margin: .1rem 0 .2rem}
.sg-chip {display: flex; align-items: baseline; gap: .45rem}
.sg-chip b {font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums}
.sg-chip i {width: .7rem; height: .7rem; border-radius: 50%; display: inline-block}
.sg-chip span {color: #5d6776}
.sg-facts {display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .92rem; margin: 0}
.sg-facts dt {color: #5d6776}
.sg-facts dd {margin: 0; overflow-wrap: anywhere}
</style>"""
