"""Is a tag's binary content what programs keep there: numbers and short names? Or a file, or noise?"""

from __future__ import annotations

from udfs.container.noise import holds_program, is_noise
from udfs.container.text import holds_blob


def are_numbers(content: bytes) -> bool:
    """Whether binary content is believable as numbers and names."""
    return not holds_program(content) and not is_noise(content) and not holds_blob(content)
