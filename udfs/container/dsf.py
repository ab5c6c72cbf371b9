"""DSF: Sony's container of one-bit sound, three chunks and an ID3v2 tag."""

from __future__ import annotations

from udfs.container import id3
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport

_HEADER, _FORMAT, _DATA = 28, 52, 12


def walk_dsf(layout: Layout) -> ContainerReport:
    """Account for every byte of a DSF file that begins at `layout.at`."""
    data, start = layout.data, layout.at
    form = start + _HEADER
    if data[form : form + 12] != b"fmt " + _FORMAT.to_bytes(8, "little"):
        return layout.report("dsf", "dsd")
    layout.structure(form + _FORMAT, "DSF")
    at = layout.at
    if data[at : at + 4] == b"data":
        end = at + int.from_bytes(data[at + 4 : at + 12], "little")
        if end > layout.size:
            layout.lie("container.truncated", "the file ends inside its data chunk")
        layout.structure(at + _DATA, "DSF")
        layout.sound(min(end, layout.size), "DSF data")
    if id3.tag_length(data, layout.at):
        id3.walk_id3v2(layout, layout.size)
    layout.behind(layout.size, "the last chunk")
    return layout.report("dsf", "dsd")
