"""The page's icon, drawn here: Streamlit would fetch a named one from a server of its own choosing."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIZE = 64  # pixels
HEIGHTS = (0.28, 0.62, 1.0, 0.46, 0.74, 0.3)  # of the bars
BLUE, RED = (47, 93, 155), (207, 74, 82)


def icon() -> Image.Image:
    """Draw a waveform of six bars, one of them in the colour of data."""
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    width = SIZE // len(HEIGHTS)
    for number, height in enumerate(HEIGHTS):
        left, half = number * width + 3, int(height * SIZE / 2) - 2
        colour = RED if number == 3 else BLUE
        pixels[SIZE // 2 - half : SIZE // 2 + half, left : left + width - 4] = (*colour, 255)
    return Image.fromarray(pixels)
