# A marimo notebook. To look: marimo run notebooks/lake.py -- --lake .demo/lake    To change it: marimo edit …
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="soundgate: a lake")

with app.setup:
    import os

    import marimo as mo

    from streaming.lake_reader import open_table, query
    from streaming.look import tables
    from streaming.look.ask import ask
    from streaming.look.markup import table
    from streaming.pictures import lake as pictures
    from streaming.pictures.style import to_png
    from udfs.reasons import info


@app.cell
def _():
    mo.md("""
    # What came in, and what became of it

    Everything here is read from the lake's Delta tables by delta-rs and DuckDB; no cluster is needed. A running job may
    write meanwhile: run the notebook again to see what is new.
    """)
    return


@app.cell
def _():
    lake = str(mo.cli_args().get("lake") or os.environ.get("SOUNDGATE_LAKE") or ".demo/lake")
    return (lake,)


@app.cell
def _(lake):
    verdicts, rejections = open_table(lake, "verdicts"), open_table(lake, "rejections")
    time = tables.timeline(verdicts)
    return rejections, time, verdicts


@app.cell
def _(time):
    decisions_figure = pictures.show_decisions(time)
    mo.image(to_png(decisions_figure))
    return (decisions_figure,)


@app.cell
def _():
    mo.md("""
    ## Why

    A reason is a stable code. `reject` and `incomplete` always have one; an accepted upload may have notes.
    """)
    return


@app.cell
def _(verdicts):
    reasons = tables.reasons(verdicts)
    reasons_figure = pictures.show_reasons(reasons)
    mo.image(to_png(reasons_figure))
    return reasons, reasons_figure


@app.cell
def _(reasons):
    meanings = [
        {"reason": each.value, "decision": each.kind, "uploads": each.number, "means": info(each.value).text}
        for each in reasons
    ]
    mo.Html(table(meanings, ("reason", "decision", "uploads", "means")))
    return (meanings,)


@app.cell
def _():
    mo.md("""
    ## What was refused, and what it hid

    Payloads are told by type, place, length and SHA-256. Their bytes are in no table and on no page.
    """)
    return


@app.cell
def _(verdicts):
    hidden_figure = pictures.show_hidden(tables.hidden(verdicts))
    mo.image(to_png(hidden_figure))
    return (hidden_figure,)


@app.cell
def _(verdicts):
    refused = list(
        query(
            verdicts,
            "SELECT track_name, user_id, reasons, payloads, mock_score, bytes FROM lake WHERE decision = 'reject' "
            "ORDER BY decided_at DESC LIMIT 50",
        )
    )
    for _row in refused:
        _row["hid"] = [f"{each['kind']} ({each['length']:,} bytes, {each['where']})" for each in _row["payloads"] or ()]
    mo.Html(table(refused, ("track_name", "user_id", "reasons", "hid", "mock_score", "bytes")))
    return (refused,)


@app.cell
def _(rejections):
    records_figure = pictures.show_refused_records(tables.refused_records(rejections))
    mo.image(to_png(records_figure))
    return (records_figure,)


@app.cell
def _():
    mo.md("""
    ## Whose recordings were heard

    Each line is a match on the recording's own time: which part of it was uploaded.
    """)
    return


@app.cell
def _(verdicts):
    heard = tables.matches(verdicts)
    matches_figure = pictures.show_matches(heard)
    mo.image(to_png(matches_figure))
    return heard, matches_figure


@app.cell
def _(heard):
    mo.Html(
        table(
            [vars(one) for one in heard[:50]],
            ("track_name", "title", "query_offset", "reference_offset", "matched", "score"),
        )
    )
    return


@app.cell
def _():
    mo.md("""
    ## How long it took

    Latency is from the last chunk's arrival to the verdict; lag is the newest upload's: how far behind its stream the
    job was.
    """)
    return


@app.cell
def _(time):
    latency_figure = pictures.show_latency(time)
    mo.image(to_png(latency_figure))
    return (latency_figure,)


@app.cell
def _(verdicts):
    quality_figure = pictures.show_quality(tables.quality(verdicts))
    mo.image(to_png(quality_figure))
    return (quality_figure,)


@app.cell
def _():
    mo.md("""
    ## Ask something else

    `uploads` has the narrow columns of `verdicts`. DuckDB answers; with `--engine spark` Spark does, which a lake too
    large for this machine wants.
    """)
    return


@app.cell
def _():
    question = mo.ui.text_area(
        "SELECT decision, count(*) AS uploads, round(median(latency_ms) / 1000, 1) AS seconds, "
        "round(sum(duration_ms) / 60000, 1) AS minutes\nFROM uploads GROUP BY ALL ORDER BY uploads DESC",
        rows=4,
        full_width=True,
    )
    question
    return (question,)


@app.cell
def _():
    engine = str(mo.cli_args().get("engine") or "duckdb")
    return (engine,)


@app.cell
def _(engine, lake, question):
    answer = ask(lake, question.value, engine)
    mo.Html(table(answer, answer[0] if answer else ()))
    return (answer,)


if __name__ == "__main__":
    app.run()
