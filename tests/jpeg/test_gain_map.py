"""Other pictures, gain maps and films of a file: left out, and no longer stated by the XMP."""

import io
import xml.etree.ElementTree as ET

import numpy as np
from PIL import Image

from jpegmend import jpeg
from jpegmend.jpeg.gain_map import remove_statements

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 hdrgm:Version="1.0" xmp:Rating="4"><Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li></rdf:Seq></Container:Directory>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def as_jpeg(**options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(stream, "JPEG", **options)
    return stream.getvalue()


def test_a_gain_map_is_no_longer_stated():
    header = jpeg.read_header(as_jpeg(xmp=XMP))
    kept = header.metadata.xmp
    assert b"hdrgm" not in kept and b"ontainer" not in kept and b"Item" not in kept
    (described,) = ET.fromstring(kept).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert described.get("{http://ns.adobe.com/xap/1.0/}Rating") == "4"
    assert header.notes[0].startswith("a gain map or an appended file (a motion photo's film) is left out")
    assert header.warnings == ()
    assert jpeg.read(as_jpeg(xmp=XMP), strict=True).warnings == header.notes  # no damage


def test_xmp_that_cannot_be_cut_cleanly_is_dropped():
    broken = XMP.replace(b"</Container:Directory>", b"")
    assert remove_statements(broken) == (None, True)
    assert remove_statements(XMP.ljust(70_000)) == (None, True)
    assert "could not be kept" in jpeg.read_header(as_jpeg(xmp=broken)).notes[0]


def test_plain_xmp_stays_byte_for_byte():
    plain = XMP.replace(b"hdr-gain-map", b"x").replace(b"google", b"example")
    assert remove_statements(plain) == (plain, False)
    header = jpeg.read_header(as_jpeg(xmp=plain))
    assert header.metadata.xmp == plain and header.notes == ()


def test_the_other_pictures_of_an_mpo_are_told():
    stream = io.BytesIO()
    first, second = (Image.fromarray(np.full((16, 24, 3), level, np.uint8)) for level in (50, 200))
    first.save(stream, "MPO", save_all=True, append_images=[second])
    found = jpeg.read(stream.getvalue(), strict=True)
    assert (found.header.width, found.header.height) == (24, 16)
    assert "MPF" in found.warnings[0]
    assert found.components[0].levels[0, 0, 0, 0] < 0  # the dark one


def test_missing_scans_of_a_progressive_file_are_told():
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(stream, "JPEG", progressive=True)
    whole = stream.getvalue()
    assert jpeg.read(whole).warnings == ()
    last = whole.rindex(b"\xff\xda")
    (note,) = jpeg.read(whole[:last] + b"\xff\xd9").warnings
    assert "scans are missing" in note


def test_data_after_the_picture_is_told_once():
    """A film that no XMP names, as of older Samsung phones, or a second picture; padding is none."""
    plain, film = as_jpeg(), b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20
    for rest, said in ((film, "5,132 bytes after the picture"), (b"\0" * 5000, ""), (b"\r\n", "")):
        found = jpeg.read(plain + rest, strict=True)  # no damage
        assert [note.startswith(said) for note in found.warnings] == [True] * bool(said)
    assert len(jpeg.read_header(as_jpeg(xmp=XMP) + film).notes) == 1
    stream = io.BytesIO()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    picture.save(stream, "MPO", save_all=True, append_images=[picture])
    assert len(jpeg.read_header(stream.getvalue()).notes) == 1
