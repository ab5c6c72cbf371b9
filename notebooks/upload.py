# A marimo notebook. To look: marimo run notebooks/upload.py -- --lake .demo/lake --index .demo/index
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="soundgate: one upload")

with app.setup:
    import json
    import os
    from pathlib import Path

    import marimo as mo

    from streaming.lake_reader import open_table, query, rows_where
    from streaming.look.depth import Lens, open_index_to_look
    from streaming.look.markup import facts, plain, table
    from streaming.look.player import safe_sound
    from streaming.pictures import upload as pictures
    from streaming.pictures.style import to_png
    from udfs.reasons import info
    from udfs.sandbox import SandboxedDecoder


@app.cell
def _():
    mo.md("""
    # One upload in depth

    Its verdict, how it sounds where it was accepted, and what the verdict rests on. The file is decoded in a process
    of its own; of what was refused nothing is played.
    """)
    return


@app.cell
def _():
    _said = mo.cli_args()
    lake = str(_said.get("lake") or os.environ.get("SOUNDGATE_LAKE") or ".demo/lake")
    index = _said.get("index") or os.environ.get("SOUNDGATE_INDEX")
    recordings = _said.get("recordings")
    return index, lake, recordings


@app.cell
def _(lake):
    latest = query(
        open_table(lake, "verdicts"),
        "SELECT upload_id, decision, track_name FROM lake ORDER BY decided_at DESC, upload_id LIMIT 500",
    )
    choices = {
        f"{each['decision']}: {plain(each['track_name'] or '(no name)')} · {each['upload_id']}": each["upload_id"]
        for each in latest
    }
    first = next((name for name in choices if name.startswith("accept")), next(iter(choices), None))
    chosen = mo.ui.dropdown(choices, value=first, label="Upload", full_width=True)
    chosen
    return (chosen,)


@app.cell
def _(chosen):
    upload_id = chosen.value
    return (upload_id,)


@app.cell
def _(index, lake, recordings, upload_id):
    (row,) = rows_where(lake, "verdicts", "upload_id", upload_id)
    with SandboxedDecoder() as decode:
        lens = Lens(decode, lake, open_index_to_look(index), Path(str(recordings)) if recordings else None)
        seen = lens.look(row)
        heard = safe_sound(row, decode, lake) if not seen.silent_because else None
    return heard, row, seen


@app.cell
def _(row):
    why = [{"reason": code, "means": info(code).text} for code in row["reasons"] or ()]
    mo.Html(
        table([row], ("track_name", "user_id", "decision", "content", "mock_score", "identity", "title", "quality"))
        + table(why, ("reason", "means"), "Nothing speaks against it.")
    )
    return


@app.cell
def _(heard):
    player = mo.audio(heard[0]) if heard else mo.md("*No player: only uploads that were accepted and kept are played.*")
    player
    return (player,)


@app.cell
def _(seen):
    track_figure = pictures.show_track(seen)
    mo.image(to_png(track_figure))
    return (track_figure,)


@app.cell
def _(seen):
    close_up_figure = pictures.show_close_up(seen)
    mo.image(to_png(close_up_figure))
    return (close_up_figure,)


@app.cell
def _(seen):
    bytes_figure = pictures.show_bytes(seen)
    mo.image(to_png(bytes_figure))
    return (bytes_figure,)


@app.cell
def _(row):
    evidence = json.loads(row["evidence"] or "{}")
    numbers = [{"name": name, "value": value} for name, value in evidence.get("numbers", {}).items()]
    mo.Html(
        table(evidence.get("reasons", ()), ("code", "detail"), "No reason was noted.")
        + table(row["payloads"] or (), ("kind", "where", "length", "sha256"), "No payload was recovered.")
        + table(numbers, ("name", "value"), "Nothing was measured.")
    )
    return


@app.cell
def _(row):
    candidates = [{"accepted": row["identity"] == "match", **row}, *(row["candidates"] or ())]
    mo.Html(
        table(
            [each for each in candidates if each.get("reference_id")],
            ("accepted", "title", "artist", "score", "query_offset_ms", "reference_offset_ms", "matched_ms", "speed"),
            "No recording came near.",
        )
    )
    return


@app.cell
def _(row):
    mo.Html(facts(row, ("decided_at", "code_version", "index_sha256", "model_sha256", "settings_sha256", "sha256")))
    return


if __name__ == "__main__":
    app.run()
