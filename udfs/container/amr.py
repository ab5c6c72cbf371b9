"""AMR and AMR-WB: a magic line, then frames whose first byte says how long they are (RFC 4867, section 5)."""

from __future__ import annotations

from udfs.container import tail
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport

NARROW, WIDE = b"#!AMR\n", b"#!AMR-WB\n"
_LENGTHS = {  # of the speech behind the first byte, by frame type; 0: comfort noise of other systems, nothing sent
    NARROW: (12, 13, 15, 17, 19, 20, 26, 31, 5, 6, 5, 5, None, None, None, 0),
    WIDE: (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, None, None, None, None, 0, 0),
}
_RESERVED = 0x83  # bits of a frame's first byte that are zero


def walk_amr(layout: Layout) -> ContainerReport:
    """Account for every byte of an AMR file that begins at `layout.at`."""
    data = layout.data
    magic = NARROW if data.startswith(NARROW, layout.at) else WIDE
    codec = "amr_nb" if magic is NARROW else "amr_wb"
    layout.structure(layout.at + len(magic), "AMR")
    tags = tail.peel(data, layout.at, layout.size)
    end = tags[0][0] if tags else layout.size
    lengths, at = _LENGTHS[magic], layout.at
    while at < end and not data[at] & _RESERVED:
        length = lengths[data[at] >> 3]
        if length is None:
            break
        at += 1 + length
    if at > end:
        layout.lie("container.truncated", "the last frame is cut short")
    layout.sound(min(at, end), f"{codec} frames")
    layout.behind(end, "the last frame")
    tail.walk_tail(layout, tags)
    return layout.report("amr", codec)
