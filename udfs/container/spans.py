"""What a walker says of a file: spans that cover it end to end, without gap or overlap."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SpanKind(StrEnum):
    """What a stretch of bytes is."""

    STRUCTURE = "structure"  # headers, chunk ids, sizes, seek tables: needed to read the container
    SOUND = "sound"  # coded or plain samples
    TAG = "tag"  # a known tag whose content is what it says (text, numbers)
    PICTURE = "picture"  # an image that parses to its end
    PADDING = "padding"  # zero bytes where the format allows them
    OTHER_STREAM = "other_stream"  # video, subtitles: known streams that are not sound
    UNEXPLAINED = "unexplained"  # everything else: what a payload would be


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` (inclusive) to `end` (exclusive); `name` is the field's own (``LIST/INFO``, ``PRIV``, ``mdat``)."""

    start: int
    end: int
    kind: SpanKind
    name: str

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ContainerReport:
    """A walked file.

    `container` is ``""`` when no audio container was recognised; `lies` are contradictions met on the way (sizes,
    checksums, counts), each a stable reason code with a detail, harmless ones (a download cut short) included.
    """

    container: str
    codec: str
    spans: tuple[Span, ...]
    lies: tuple[tuple[str, str], ...] = ()

    def of_kind(self, kind: SpanKind) -> tuple[Span, ...]:
        """Spans of one kind, in file order."""
        return tuple(span for span in self.spans if span.kind is kind)
