"""Recordings as the uploads show them: which known ones were heard, and how often; unknown ones by their own bytes."""

from __future__ import annotations

from typing import Any

from deltalake import DeltaTable

from streaming.lake_reader import query, quote

MOST = 500


def recordings(verdicts: DeltaTable, sought: str = "") -> list[dict[str, Any]]:
    """List recordings among the accepted uploads, those uploaded most often first.

    A row has `recording` (the reference id, or the file's SHA-256 where it is unknown), `known`, `title` (of an unknown
    one the newest upload's name), `artist`, `uploads`, `users`, `newest` and that upload's `upload_id`.
    """
    own = "CASE WHEN identity = 'match' THEN reference_id ELSE sha256 END"
    name = "CASE WHEN identity = 'match' THEN coalesce(title, reference_id) ELSE track_name END"
    found = f"strpos(lower(concat_ws(' ', title, artist, reference_id, track_name)), lower({quote(sought)})) > 0"
    newest = "ORDER BY decided_at DESC, upload_id"
    sql = (
        f"SELECT {own} AS recording, bool_or(identity = 'match') AS known, "  # noqa: S608 - ours, and quoted
        f"first_value({name} {newest}) AS title, first_value(artist {newest}) AS artist, count(*) AS uploads, "
        f"count(DISTINCT user_id) AS users, max(decided_at) AS newest, first_value(upload_id {newest}) AS upload_id "
        f"FROM lake WHERE decision = 'accept' AND {found} GROUP BY 1 ORDER BY uploads DESC, newest DESC LIMIT {MOST}"
    )
    return list(query(verdicts, sql))


def named(verdicts: DeltaTable, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Give some uploads' names and recordings by upload id."""
    if not ids:
        return {}
    wanted = ", ".join(map(quote, ids))
    columns = "upload_id, track_name, user_id, identity, title, artist, reference_id, sha256"
    return {
        row["upload_id"]: row
        for row in query(verdicts, f"SELECT {columns} FROM lake WHERE upload_id IN ({wanted})")  # noqa: S608 - quoted
    }
