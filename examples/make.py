"""Makes the drawn examples; the photographs beside them are described in README.md."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
LINES = (
    "The quantisation table of a JPEG file says how coarsely",
    "each frequency of every block was rounded. What was lost",
    "cannot be read back, but it is known to within one step:",
    "every coefficient lies in a cell, and a restored picture",
    "that leaves the cells contradicts the file it came from.",
)


def drawing() -> Image.Image:
    """A poster of flat colours with sharp edges, the hardest case for the DCT."""
    picture = Image.new("RGB", (480, 320), "#f7d54a")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 230, 480, 320), fill="#2f6f4f")
    draw.ellipse((330, 30, 430, 130), fill="#e4572e")
    draw.polygon(((40, 230), (160, 70), (280, 230)), fill="#3b5b92")
    draw.polygon(((200, 230), (290, 120), (380, 230)), fill="#6a8cc7")
    draw.line((0, 270, 480, 250), fill="#ffffff", width=3)
    draw.text((24, 278), "FLAT COLOURS, SHARP EDGES", font=ImageFont.load_default(22), fill="#ffffff")
    return picture


def scan() -> Image.Image:
    """A page of printed text on paper that is not quite white."""
    page = Image.new("L", (640, 224), 238)
    draw = ImageDraw.Draw(page)
    for row, line in enumerate(LINES):
        draw.text((28, 24 + 36 * row), line, font=ImageFont.load_default(21), fill=28)
    return page


def edge() -> Image.Image:
    """Red on blue: almost the same luma, so that only the subsampled chroma carries the picture."""
    picture = Image.new("RGB", (320, 224), "#1030d0")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40, 32, 200, 192), fill="#d01020")
    draw.text((212, 70), "4:2:0", font=ImageFont.load_default(40), fill="#d01020")
    draw.line((210, 200, 310, 130), fill="#d01020", width=2)
    return picture


def main() -> None:
    """Write the three files beside this one."""
    drawing().save(HERE / "drawing.jpg", quality=20)
    scan().save(HERE / "scan.jpg", quality=15)
    edge().save(HERE / "edge.jpg", quality=30)


if __name__ == "__main__":
    main()
