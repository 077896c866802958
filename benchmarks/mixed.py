"""Trial of the command on a folder of mixed files: killed twice at random moments, resumed, compared byte for byte.

    python benchmarks/mixed.py --files 2000 --sheet build/mixed.png

Makes small files of every kind in a temporary folder (JPEG of every sampling, progressive, gray, CMYK, with restart
markers, orientation and profile; PNG, WebP, TIFF, AVIF, BMP, GIF, PNM, MPO; truncated, damaged, renamed, empty and
hidden files, files that are no pictures), the same at every call. It restores them once without a stop; then again
into another folder, where the process is killed (SIGKILL) twice and started again; and once more, which has nothing
left to do. Prints what became of each kind, and exits with 1 where a result is missing, differs or was left half.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageFont

EXAMPLES = Path(__file__).parents[1] / "examples"
JOURNAL = "jpegmend-journal.jsonl"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
Maker = Callable[[Image.Image, random.Random], bytes]


def encoded(form: str, mode: str = "RGB", **options: Any) -> Maker:
    """A maker of files of one format and mode."""

    def make(picture: Image.Image, rng: random.Random) -> bytes:
        stream = io.BytesIO()
        given = {"quality": rng.choice((5, 10, 20, 40, 75, 92)), **options} if form in ("JPEG", "MPO") else options
        picture.convert(mode).save(stream, form, **given)
        return stream.getvalue()

    return make


def truncated(picture: Image.Image, rng: random.Random) -> bytes:
    """A JPEG without its end."""
    whole = encoded("JPEG")(picture, rng)
    return whole[: len(whole) - (len(whole) - 700) * rng.randint(1, 9) // 10]


def damaged(picture: Image.Image, rng: random.Random) -> bytes:
    """A JPEG with some bytes of its coded data changed."""
    data = bytearray(encoded("JPEG")(picture, rng))
    start = data.index(b"\xff\xda") + 14
    for _ in range(5):
        data[rng.randrange(start, len(data))] = rng.randrange(256)
    return bytes(data)


def compressed_before(picture: Image.Image, rng: random.Random) -> bytes:
    """A PNG of a decoded JPEG."""
    return encoded("PNG")(Image.open(io.BytesIO(encoded("JPEG", quality=12)(picture, rng))), rng)


def deep(picture: Image.Image, rng: random.Random) -> bytes:
    """A gray PNG of 16 bits a sample."""
    gray = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    return encoded("PNG", "I;16")(Image.fromarray(gray), rng)


def turned() -> Any:
    """EXIF that says: turn by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


KINDS: dict[str, tuple[int, str, Maker]] = {
    "JPEG 4:2:0": (10, ".jpg", encoded("JPEG")),
    "JPEG 4:2:2": (5, ".jpg", encoded("JPEG", subsampling=1)),
    "JPEG 4:4:4": (5, ".JPG", encoded("JPEG", subsampling=0)),
    "JPEG progressive": (6, ".jpeg", encoded("JPEG", progressive=True)),
    "JPEG gray": (5, ".jpg", encoded("JPEG", "L")),
    "JPEG CMYK": (3, ".jpg", encoded("JPEG", "CMYK")),
    "JPEG restart markers": (3, ".jpg", encoded("JPEG", restart_marker_blocks=2)),
    "JPEG turned, with profile": (4, ".jpg", encoded("JPEG", exif=turned(), icc_profile=PROFILE, comment=b"kept")),
    "JPEG without suffix": (2, "", encoded("JPEG")),
    "JPEG named .png": (2, ".png", encoded("JPEG")),
    "MPO": (2, ".jpg", encoded("MPO", save_all=True, append_images=[Image.new("RGB", (48, 48))])),
    "JPEG truncated": (5, ".jpg", truncated),
    "JPEG damaged": (4, ".jpg", damaged),
    "PNG of a JPEG": (5, ".png", compressed_before),
    "PNG with alpha": (3, ".png", encoded("PNG", "RGBA")),
    "PNG palette": (2, ".png", encoded("PNG", "P")),
    "PNG 16-bit gray": (2, ".png", deep),
    "PNG named .jpg": (2, ".jpg", encoded("PNG")),
    "WebP": (3, ".webp", encoded("WEBP", quality=20)),
    "WebP lossless": (2, ".webp", encoded("WEBP", lossless=True)),
    "TIFF": (2, ".tif", encoded("TIFF")),
    "TIFF with JPEG": (2, ".tiff", encoded("TIFF", compression="jpeg")),
    "TIFF of several pages": (2, ".tif", encoded("TIFF", save_all=True, append_images=[Image.new("RGB", (40, 40))])),
    "AVIF": (2, ".avif", encoded("AVIF", quality=40)),
    "BMP": (1, ".bmp", encoded("BMP")),
    "GIF": (1, ".gif", encoded("GIF")),
    "PNM": (1, ".ppm", encoded("PPM")),
    "empty": (2, ".jpg", lambda picture, rng: b""),
    "text named .jpg": (2, ".jpg", lambda picture, rng: b"<!DOCTYPE html><title>404 Not Found</title>"),
    "noise named .jpg": (2, ".jpg", lambda picture, rng: rng.randbytes(3000)),
    "headers alone": (2, ".jpg", lambda picture, rng: encoded("JPEG")(picture, rng)[:300]),
    "hidden": (2, ".hidden", encoded("JPEG")),
    "no picture": (3, ".txt", lambda picture, rng: b"notes of the archive\n"),
}
"""Of each kind: its share, its suffix (``.hidden``: a JPEG whose name begins with a dot), and its maker."""


def make_files(folder: Path, count: int) -> dict[str, str]:
    """Write so many files in three folders, the same at every call; the kind of each path."""
    pictures = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.jpg"))]
    rng = random.Random(15)
    kinds = {}
    for number in range(count):
        name = rng.choices(list(KINDS), [share for share, _, _ in KINDS.values()])[0]
        _, suffix, make = KINDS[name]
        picture = rng.choice(pictures)
        width, height = rng.randint(24, 112), rng.randint(24, 112)
        left, top = rng.randrange(picture.width - width), rng.randrange(picture.height - height)
        part = picture.crop((left, top, left + width, top + height))
        below = folder / rng.choice((".", "1987", "1987/été, no. 2"))
        below.mkdir(parents=True, exist_ok=True)
        stem = f"{number:05}" + rng.choice(("", " scan", "\n2", "-ü", ".old" if suffix else "x"))
        path = below / (f".{stem}.jpg" if suffix == ".hidden" else f"{stem}{suffix}")
        path.write_bytes(make(part, rng))
        kinds[str(path)] = name
    return kinds


def command(folder: Path, output: Path, jobs: int) -> list[str]:
    """The command line of a run."""
    return [sys.executable, "-m", "jpegmend", str(folder), "-r", "-o", str(output), "--jobs", str(jobs), "--json"]


def run(folder: Path, output: Path, jobs: int) -> list[dict[str, Any]]:
    """A run to its end: the JSON of each file."""
    done = subprocess.run(command(folder, output, jobs), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        sys.exit(f"the command ended with {done.returncode}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_and_kill(folder: Path, output: Path, jobs: int, after: int, rng: random.Random) -> int:
    """A run that is killed at a random moment after so many more finished files: how many had been finished then."""
    before = finished(output)
    process = subprocess.Popen(command(folder, output, jobs), stdout=subprocess.DEVNULL)
    while finished(output) < before + after and process.poll() is None:
        time.sleep(0.02)
    time.sleep(rng.random() * 0.3)
    process.kill()
    process.wait()
    return finished(output)


def finished(output: Path) -> int:
    """Lines of the journal that tell a finished file."""
    journal = output / JOURNAL
    return journal.read_bytes().count(b'"outcome": "done"') if journal.exists() else 0


def results(output: Path) -> dict[str, bytes]:
    """Every file of an output folder but its journal, hidden ones too."""
    found = (path for path in output.rglob("*") if path.is_file() and path.name != JOURNAL)
    return {str(path.relative_to(output)): path.read_bytes() for path in found}


def differences(whole: dict[str, bytes], resumed: dict[str, bytes]) -> Iterator[str]:
    """What is wrong with the results of the run that was killed."""
    yield from (f"missing: {name}" for name in sorted(whole.keys() - resumed.keys()))
    yield from (f"too many: {name}" for name in sorted(resumed.keys() - whole.keys()))
    yield from (f"differs: {name}" for name in sorted(whole.keys() & resumed.keys()) if whole[name] != resumed[name])


def contact_sheet(told: list[dict[str, Any]], kinds: dict[str, str], file: Path) -> None:
    """Two of each kind, before and after, enlarged twice, with the name of the kind."""
    side, columns, left = 112, 4, defaultdict(int)
    shown = []
    for facts in told:
        kind = kinds[facts["file"]]
        if facts["outcome"] == "done" and left[kind] < 2:
            left[kind] += 1
            shown.append((kind, facts["file"], facts["output"]))
    rows = -(-len(shown) // columns)
    sheet = Image.new("RGB", (columns * (4 * side + 24), rows * (2 * side + 28)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for place, (kind, before, after) in enumerate(sorted(shown)):
        x, y = place % columns * (4 * side + 24), place // columns * (2 * side + 28)
        draw.text((x, y), kind, fill="black", font=font)
        for offset, path in ((0, before), (2 * side + 8, after)):
            with Image.open(path) as image:
                try:
                    image.load()
                except OSError:
                    from PIL import ImageFile

                    ImageFile.LOAD_TRUNCATED_IMAGES = True
                    image = Image.open(path)
                grayed = image.mode.startswith("I")
                plain = image.point(lambda v: v / 257).convert("L") if grayed else image
                plain = plain.convert("RGBA").convert("RGB")
                sheet.paste(
                    plain.resize((2 * plain.width, 2 * plain.height), Image.Resampling.NEAREST), (x + offset, y + 20)
                )
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file)


def main() -> None:
    """Make, run, kill, resume, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which the run is killed")
    parser.add_argument("--sheet", type=Path, help="a PNG with two of each kind, before and after")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as place:
        folder, whole, resumed = (Path(place, name) for name in ("files", "whole", "resumed"))
        kinds = make_files(folder, given.files)
        before = {path: path.read_bytes() for path in map(Path, kinds)}
        told = run(folder, whole, given.jobs)
        done = sum(facts["outcome"] == "done" for facts in told)
        for _ in range(given.kills):
            after = rng.randint(1, done // (given.kills + 1))
            print(f"killed after {run_and_kill(folder, resumed, given.jobs, after, rng)} results", flush=True)
        rest = Counter(facts["outcome"] for facts in run(folder, resumed, given.jobs))
        again = Counter(facts["outcome"] for facts in run(folder, resumed, given.jobs))
        print(f"resumed: {dict(rest)}; once more: {dict(again)}")
        report(told, kinds)
        problems = list(differences(results(whole), results(resumed)))
        problems += [f"changed: {path}" for path, data in before.items() if path.read_bytes() != data]
        if given.sheet:
            contact_sheet(told, kinds, given.sheet)
    print(f"{done} results, {len(problems)} differences between the run that was killed and the one that was not")
    if problems or again["done"]:
        sys.exit("\n".join(problems[:20]) or "the last run did something again")


def report(told: list[dict[str, Any]], kinds: dict[str, str]) -> None:
    """A table: what became of each kind."""
    outcomes = {facts["file"]: facts for facts in told}
    print(f"{'kind':28} files   done  failed  passed over")
    for kind in KINDS:
        files = [path for path, name in kinds.items() if name == kind]
        counts = Counter(outcomes[path]["outcome"] if path in outcomes else "passed over" for path in files)
        print(f"{kind:28} {len(files):5}  {counts['done']:5}  {counts['failed']:6}  {counts['passed over']:11}")
        why = Counter(outcomes[path]["error"] for path in files if outcomes.get(path, {}).get("outcome") == "failed")
        if why:
            print(f"{'':28} {', '.join(f'{count} {error}' for error, count in why.items())}")


if __name__ == "__main__":
    main()
