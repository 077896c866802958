"""Frames of animations (GIF, PNG, WebP, AVIF): one after the other each is decoded once, and is that of the file."""

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from jpegmend import decoding
from jpegmend.decoding import pictures, worker
from jpegmend.reading import open_source

FRAMES = 7
KINDS = {
    **{f"gif, disposal {number}": ("gif", {"disposal": number}) for number in range(4)},
    "png": ("png", {"blend": [0, 1] * 3 + [0], "disposal": [0, 1, 2, 0, 1, 2, 0]}),
    "webp": ("webp", {"lossless": True}),
    "avif": ("avif", {"speed": 10}),
}


def animate(kind: str) -> bytes:
    """An animation of a square that moves over a transparent ground, after a first frame of noise."""
    format, options = KINDS[kind]
    noise = np.random.default_rng(1).integers(0, 255, (24, 32, 4), np.uint8)
    frames = [Image.fromarray(noise)]
    for number in range(1, FRAMES):
        frames.append(Image.new("RGBA", (32, 24), (0, 0, 0, 0)))
        frames[-1].paste((40 * number, 200, 30, 255), (4 * number, 3, 4 * number + 5, 11))
    stream = io.BytesIO()
    frames[0].save(stream, format, save_all=True, append_images=frames[1:], duration=40, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_that_of_the_file_in_any_order(kind: str) -> None:
    data = animate(kind)
    with Image.open(io.BytesIO(data)) as image:
        theirs = [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]
    with decoding.stored(data):
        for page in (2, 3, 4, 7, 6, 2, 5, 1, 7):
            opened = open_source(data, page=page)
            ours = Image.fromarray(opened.values).convert("RGBA")
            if opened.alpha is not None:
                ours.putalpha(Image.fromarray(opened.alpha))
            assert opened.pages == FRAMES and np.array_equal(ours, theirs[page - 1]), page


@pytest.mark.parametrize("kind", KINDS)
def test_an_animation_is_opened_once_for_all_frames(tmp_path: Path, monkeypatch: Any, kind: str) -> None:
    (tmp_path / "source").write_bytes(animate(kind))
    opened, open_file, left_open = [], Image.open, {}
    monkeypatch.setattr(pictures.Image, "open", lambda *given, **more: (opened.append(1), open_file(*given, **more))[1])
    for page in range(2, FRAMES + 1):
        with (tmp_path / "samples").open("w+b") as out:
            source, format = str(tmp_path / "source"), KINDS[kind][0]
            pictures.decode(format, source, out, lambda **size: None, page, left_open)
        assert list(left_open) == [source] * (page < FRAMES)
    assert len(opened) == 1


def test_an_animation_is_left_open_until_another_file_comes(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(worker.Limiter, "apply", lambda *given, **size: None)
    for name in "ab":
        (tmp_path / name).write_bytes(animate("png"))
    (tmp_path / "target").touch()

    def ask(name: str, page: int, format: str = "png") -> list[str]:
        request = {"format": format, "source": str(tmp_path / name), "target": str(tmp_path / "target"), "page": page}
        worker._answer({**request, "limits": {}})
        return [Path(source).name for source in worker._LEFT_OPEN]

    assert (ask("a", 1), ask("a", 2), ask("b", 3), ask("b", 1)) == ([], ["a"], ["b"], [])
    assert (ask("a", 2), ask("c", 1, "jpeg")) == (["a"], [])


def test_a_later_frame_has_the_time_of_those_before_it(tmp_path: Path, monkeypatch: Any) -> None:
    """At most that of the largest picture allowed, so that no small file takes for ever."""
    (tmp_path / "source").write_bytes(animate("gif, disposal 1"))
    sizes: list[dict[str, int]] = []
    with (tmp_path / "samples").open("w+b") as out:
        pictures.decode("gif", str(tmp_path / "source"), out, lambda **size: sizes.append(size), 5)
    assert sizes[-1] == {"pixels": 768, "width": 32, "height": 24, "frames": 5}
    limits = asdict(decoding.picture_limits(1000, max_pixels=2000))
    seconds: list[float] = []
    monkeypatch.setattr(worker, "limit_processor_time", seconds.append)
    monkeypatch.setattr(worker, "limit_memory", lambda extra, kind: None)
    limiter = worker.Limiter(limits)
    for frames in (1, 2, 1_000_000):
        limiter.apply(pixels=768, frames=frames)
    limiter.stop_clock()
    first, second, most = (each - limits["seconds"] for each in seconds)
    assert np.allclose([second / first, most / first], [2, 2000 / 768])
