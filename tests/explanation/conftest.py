"""A picture with its JPEG, what the default network makes of it, and the check that no words of a figure overlap."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jpegmend.explanation.drawing import Drawing

pytest.importorskip("matplotlib")


def clear_picture(height: int = 144, width: int = 208) -> Image.Image:
    """Smooth shapes, an edge and noise, RGB."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    waves = [128 + 60 * np.sin(rows / (11 + 3 * c)) * np.cos(columns / (17 - 3 * c)) for c in range(3)]
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 1))
    image = Image.fromarray(np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8))
    ImageDraw.Draw(image).ellipse((50, 30, 120, 100), fill="#d01020")
    return image


def as_jpeg(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **{"quality": 10, **options})
    return stream.getvalue()


@pytest.fixture(scope="session")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clear") / "clear.png"
    clear_picture().save(path)
    return path


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    path.write_bytes(as_jpeg(clear_picture()))
    return path


def overlapping(drawing: Drawing) -> list[str]:
    """Words of a figure that overlap each other or leave the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure = drawing.figure()
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    # Matplotlib keeps ticks outside of an axis and does not draw them.
    hidden = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    texts = [
        text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible() and text not in hidden
    ]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts]
    whole = figure.bbox
    wrong = [
        f"{drawing.name}: {words!r} leaves the figure"
        for words, box in boxes
        if box.x0 < -1 or box.y0 < -1 or box.x1 > whole.x1 + 1 or box.y1 > whole.y1 + 1
    ]
    for (one, first), (other, second) in combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        if across > 1 and down > 1:
            wrong.append(f"{drawing.name}: {one!r} and {other!r} overlap")
    return wrong


@pytest.fixture(scope="session")
def check_words() -> Callable[[Drawing], list[str]]:
    return overlapping
