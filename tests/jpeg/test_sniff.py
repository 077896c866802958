import io

import numpy as np
import pytest
from PIL import Image

from jpegmend import jpeg
from jpegmend.errors import NotAnImage, UnsupportedJpeg


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP", "BMP", "TIFF", "GIF"])
def test_what_pillow_writes_is_recognised(name):
    stream = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(stream, name)
    assert jpeg.sniff(stream.getvalue()) == name.lower()


# fmt: off
FOREIGN = {
    "jpeg 2000":         b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ",
    "jpeg xl":           b"\xff\x0a\xfa\x1f\x41",
    "jpeg-ls":           b"\xff\xd8\xff\xf7\0\x0b\x08",
    "jpeg xr":           b"II\xbc\x01\x08\0\0\0",
    "heic":              b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "avif":              b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf",
    "video (mp4)":       b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
    "video (quicktime)": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "video (matroska)":  b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
    "video (avi)":       b"RIFF\x10\0\0\0AVI LIST",
    "camera raw (cr2)":  b"II*\0\x10\0\0\0CR\2\0",
    "pdf":               b"%PDF-1.7",
    "svg":               b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">',
    "pam":               b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nENDHDR\n",
    "pnm":               b"P6\n4 4\n255\n",
}
# fmt: on


@pytest.mark.parametrize("name", FOREIGN)
def test_other_formats_are_named_in_the_error(name):
    assert jpeg.sniff(FOREIGN[name]) == name
    with pytest.raises(UnsupportedJpeg, match=name.split()[0]):
        jpeg.read(FOREIGN[name])


@pytest.mark.parametrize("data", [b"", b"\xff", b"hello, world", bytes(1000)])
def test_bytes_of_no_format_are_not_an_image(data):
    assert jpeg.sniff(data) == "unknown"
    with pytest.raises(NotAnImage, match="JPEG" if data else "empty"):
        jpeg.read_header(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html>\n<title>Log in</title>", "a web page"),
        (b"\xef\xbb\xbf\r\n<!-- saved --><HTML lang=de>", "a web page"),
        (b'<?xml version="1.0"?><!doctype html PUBLIC "-//W3C//DTD XHTML 1.0">', "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"<htmlx>", "begins with 3c 68"),
    ],
)
def test_what_stands_in_place_of_a_picture_is_named(data, said):
    assert jpeg.sniff(data) == "unknown"
    with pytest.raises(NotAnImage, match=said):
        jpeg.read_header(data)
