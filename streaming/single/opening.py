"""Opening what judges, where there is no Spark."""

from __future__ import annotations

from streaming.errors import UserError
from streaming.index_place import is_catalogue
from streaming.judge import OpenedJudge, make_opener
from streaming.settings import Settings
from udfs.index_files import IndexRefusedError


def open_judge(settings: Settings) -> OpenedJudge:
    """Open the index and the decoder.

    Raises
    ------
    UserError
        For an index that is none, or one that Spark has to search.
    """
    if is_catalogue(settings.index):
        raise UserError(f"--index {settings.index}: a catalogue is searched by Spark; give an index of files")
    try:
        return make_opener(settings)()
    except (IndexRefusedError, OSError) as error:
        raise UserError(f"--index {settings.index}: {error}") from error
