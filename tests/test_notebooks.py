"""The notebooks run from the first cell to the last on the demo's lake, and show what is in it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from streaming.demo import read_table
from streaming.demo_uploads import DEMONSTRATIONS, RECORDINGS
from streaming.look.ask import ask

pytestmark = pytest.mark.spark

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", NOTEBOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, **definitions: Any) -> tuple[str, Mapping[str, Any]]:
    """Run a notebook; give the HTML of what its cells show, and what they define."""
    from marimo._output.formatting import as_html

    outputs, defined = load(name).app.run(defs=definitions)
    return "\n".join(as_html(one).text for one in outputs if one is not None), defined


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda one: hasattr(one, "get_text")))


def widths(figure: Figure) -> list[float]:
    return [bar.get_width() for bar in figure.axes[0].patches]


def test_a_lakes_notebook_shows_every_upload_why_what_was_hidden_whose_and_how_long(demo_folder: Path) -> None:
    html, defined = run("lake", lake=str(demo_folder / "lake"))
    assert sum(bar.get_height() for bar in defined["decisions_figure"].axes[0].patches) == len(DEMONSTRATIONS)
    assert {"samples.payload", "samples.text", "upload.missing_chunks"} <= set(texts(defined["reasons_figure"]).split())
    assert {"elf", "text"} <= set(texts(defined["hidden_figure"]).split())
    assert widths(defined["records_figure"]) == [1]
    assert "wire.crc32" in texts(defined["records_figure"])
    offsets = {one.title: one.reference_offset - one.query_offset for one in defined["heard"]}
    assert offsets["Hill of Sorrows"] == pytest.approx(20, abs=0.1)
    assert "Hill of Sorrows  1×" in texts(defined["matches_figure"])
    middle = max(line.get_ydata().max() for line in defined["latency_figure"].axes[0].lines)
    slowest = max(row["latency_ms"] for row in read_table(demo_folder / "lake", "verdicts"))
    assert 0 < middle <= slowest / 1000
    assert sum(widths(defined["quality_figure"])) == 5
    assert {row["decision"]: row["uploads"] for row in defined["answer"]} == {"accept": 5, "reject": 2, "incomplete": 1}
    by_spark = ask(str(demo_folder / "lake"), defined["question"].value, "spark")
    assert by_spark == [{**row, "minutes": pytest.approx(row["minutes"])} for row in defined["answer"]]
    assert html.count("<img") >= 7
    assert "drum solo.wav" in html


def test_an_uploads_notebook_shows_its_sound_its_match_and_plays_it(demo_folder: Path) -> None:
    rows = {row["track_name"]: row for row in read_table(demo_folder / "lake", "verdicts")}
    names = {"lake": str(demo_folder / "lake"), "index": str(demo_folder / "index"), "recordings": str(RECORDINGS)}
    html, defined = run("upload", **names, upload_id=rows["heard in a bar.mp3"]["upload_id"])
    assert [axes.get_title(loc="left") for axes in defined["track_figure"].axes] == [
        "Waveform",
        "Real or mock, second by second",
    ]
    own, reference = defined["close_up_figure"].axes
    assert reference.get_title(loc="left") == "The recording: Hill of Sorrows"
    assert "from 20.0 s" in reference.get_title(loc="right")
    rings, filled = (len(one.get_offsets()) for one in own.collections if isinstance(one, PathCollection))
    assert filled > 0.2 * (rings + filled)  # under noise half of the highest peaks are the noise's
    assert "sound" in texts(defined["bytes_figure"])
    assert "<audio" in html


def test_a_refused_uploads_notebook_names_the_payload_and_plays_nothing(demo_folder: Path) -> None:
    rows = {row["track_name"]: row for row in read_table(demo_folder / "lake", "verdicts")}
    names = {"lake": str(demo_folder / "lake"), "index": None, "recordings": None}
    html, defined = run("upload", **names, upload_id=rows["drum solo.wav"]["upload_id"])
    assert defined["heard"] is None
    assert "<audio" not in html
    assert "elf" in texts(defined["bytes_figure"])
    assert "not stored" in texts(defined["track_figure"])
