"""Removal of metadata, read back by Pillow; conversion of colours compared with Little CMS."""

import colorsys
import io
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from jpegmend.errors import InvalidOption
from jpegmend.jpeg import Metadata, set_orientation
from jpegmend.reading import open_source
from jpegmend.writing import files
from jpegmend.writing.srgb import to_srgb
from jpegmend.writing.stripping import remove_position, strip


def with_position(endian: str = "<") -> bytes:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x0112] = 1
    exif[0x010F], exif[0x0132], exif[0xA000] = "A maker", "2026:01:02 03:04:05", "after the pointer"
    exif.get_ifd(0x8769).update({0x829A: 0.01, 0x927C: b"made at 48.8566, 2.3522", 0xA002: 640})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.123), 29: "2026:01:02"})
    return exif.tobytes().removeprefix(b"Exif\0\0")


def read(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """sRGB's profile with the primaries of red and green exchanged: what it calls red is green."""
    profile = srgb_profile()
    place = {profile[at : at + 4]: at for at in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12)}
    red, green = (profile[place[name] + 4 : place[name] + 12] for name in (b"rXYZ", b"gXYZ"))
    changed = bytearray(profile)
    changed[place[b"rXYZ"] + 4 : place[b"rXYZ"] + 12] = green
    changed[place[b"gXYZ"] + 4 : place[b"gXYZ"] + 12] = red
    return bytes(changed)


def test_the_position_alone_is_removed():
    block = with_position()
    bare, left_out = remove_position(block)
    found = read(bare)
    assert len(bare) == len(block)
    assert not found.get_ifd(0x8825) and 0x8825 not in found
    expected = read(block)
    for tag in (0x010F, 0x0132, 0xA000):
        assert found[tag] == expected[tag]
    assert left_out == ("the maker note of its EXIF, which may hold a position",)
    assert expected.get_ifd(0x8769).pop(0x927C)
    assert found.get_ifd(0x8769) == expected.get_ifd(0x8769)
    assert b"2026:01:02\0" not in bare and b"48.8566" not in bare  # the values are gone from the bytes too
    assert remove_position(bare) == (bare, ())


@given(st.binary(max_size=60), st.integers(0, 200), st.sampled_from([b"II*\0", b"MM\0*"]))
def test_a_damaged_block_is_refused_or_read(junk, place, order):
    block = with_position()
    for damaged in (order + junk, block[:place] + junk + block[place + len(junk) :], block[:place]):
        kept, _ = strip(Metadata(exif=damaged), "gps")
        assert kept.exif is None or len(kept.exif) == len(damaged)


def test_a_position_in_the_directories_of_exif_and_thumbnail_is_removed():
    def directory(tag: int, value: int, after: int = 0) -> bytes:
        return struct.pack("<HHHIII", 1, tag, 4, 1, value, after)

    position = struct.pack("<HHHI4sI", 1, 1, 2, 2, b"N\0\0\0", 0)
    block = b"II*\0\x08\0\0\0" + directory(0x8769, 26, 62) + directory(0x8825, 44) + position
    block += directory(0x8825, 80) + position.replace(b"N", b"S")
    assert read(block).get_ifd(0x8825) == {1: "N"} or b"N\0" in block
    bare, _ = remove_position(block)
    assert len(bare) == len(block) and b"N\0" not in bare and b"S\0" not in bare
    assert struct.pack("<H", 0x8825) not in bare and read(bare).get_ifd(0x8769) == {}
    beyond = block[:22] + struct.pack("<I", 9999) + block[26:]
    assert b"N\0" not in remove_position(beyond)[0]


def test_the_position_in_xmp_inside_exif_is_removed():
    """Such a block is made of the tags of a TIFF, by Pillow among others."""
    exif = read(with_position())
    for packet, kept in ((b"<x exif:GPSLatitude='52,30.5N'/>", False), (b"<x dc:title='harbour'/>", True)):
        exif[700] = packet
        bare, left_out = remove_position(exif.tobytes().removeprefix(b"Exif\0\0"))
        assert (700 in read(bare), packet in bare) == (kept, kept)
        assert ("the XMP in its EXIF, which holds a position" in left_out) == (not kept)
        assert read(bare)[0x010F] == "A maker"


def test_the_position_of_a_geotiff_is_removed():
    """The tags of a TIFF become the EXIF of a result in another format."""
    place, words = (0.0, 0.0, 0.0, 13.404954, 52.520008, 0.0), "<Item name='north'>52.520008</Item>"
    tags = [(33550, "d", 3, (1e-4, 1e-4, 0.0), True), (33922, "d", 6, place, True), (42112, "s", 0, words, True)]
    tiff = io.BytesIO()
    pixels = np.zeros((16, 16, 3), np.uint8)
    tifffile.imwrite(tiff, pixels, photometric="rgb", extratags=tags)
    block = open_source(tiff.getvalue()).metadata.exif
    bare, left_out = remove_position(block)
    before, after = dict(read(block)), dict(read(bare))
    assert set(before) - set(after) == {33550, 33922, 42112} and after.items() <= before.items()
    assert struct.pack("<d", 52.520008) not in bare and b"52.52" not in bare
    assert left_out == ("the metadata of GDAL in its EXIF, which may hold a position",)


def test_the_position_in_xmp_is_removed():
    xmp = b"""<rdf:Description exif:GPSLatitude="48,51N" dc:title='a' exif:GPSLongitude = '2E'>
<exif:GPSAltitude>35/1</exif:GPSAltitude><exif:GPSEmpty/><exif:Flash>1</exif:Flash></rdf:Description>"""
    kept, _ = strip(Metadata(xmp=xmp), "gps")
    assert b"GPS" not in kept.xmp
    assert b"dc:title='a'" in kept.xmp and b"<exif:Flash>1</exif:Flash>" in kept.xmp
    kept, notes = strip(Metadata(xmp=xmp, extended_xmp=b"<exif:GPSAltitude/>"), "gps")
    assert kept.extended_xmp is None and len(notes) == 1


def test_a_position_in_xmp_of_any_program_and_encoding_is_removed():
    xmp = b"""<rdf:Description xmlns:e="http://ns.adobe.com/exif/1.0/" e:GPSLatitude="48,51N" dc:title='a'
geo:lat="48.9" drone-dji:GpsLongtitude="+2.35" drone-dji:AbsoluteAltitude="+30" Camera:GPSXYAccuracy='1'>
<e:gpsAltitude rdf:parseType="Resource">35/1</e:gpsAltitude><dc:format>latitude</dc:format></rdf:Description>"""
    kept, notes = strip(Metadata(xmp=xmp), "gps")
    assert not notes and b"dc:title='a'" in kept.xmp and b"<dc:format>latitude</dc:format>" in kept.xmp
    assert not [name for name in (b"48", b"+2.35", b"35/1", b"Accuracy") if name in kept.xmp]
    kept, notes = strip(Metadata(xmp=xmp.decode().encode("utf-16"), extended_xmp=xmp), "gps")
    assert kept.xmp is None and kept.extended_xmp is None and len(notes) == 2


@pytest.mark.parametrize("what", ["notes", "all"])
@pytest.mark.parametrize("format", ["png", "tiff", "webp", "jpeg"])
def test_pixels_that_are_not_turned_keep_their_orientation(what, format):
    stream = io.BytesIO()
    full = Metadata(exif=set_orientation(with_position(), 6), orientation=6)
    files.write(np.zeros((8, 16, 3), np.uint8), full, stream, format=format, strip=what)
    with Image.open(stream) as image:
        assert image.getexif()[0x0112] == 6 and 0x010F not in image.getexif()


def test_notes_keep_the_profile_and_unknown_names_are_refused():
    full = Metadata(icc=b"profile", exif=with_position(), xmp=b"x", comments=(b"c",), density=(1, 1, "dpi"))
    assert strip(full, True)[0] == strip(full, "notes")[0] == Metadata(icc=b"profile")
    assert strip(full, False)[0] is full
    with pytest.raises(InvalidOption, match="notes, gps, all"):
        strip(full, "exif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_are_converted_to_srgb(dtype):
    pixels = np.zeros((4, 4, 4), dtype)
    pixels[..., 0], pixels[..., 3] = np.iinfo(dtype).max, 77
    shown, kept, lost = to_srgb(pixels, Metadata(icc=swapped_profile()))
    peak = np.iinfo(dtype).max
    assert kept.icc is None and shown.dtype == dtype and bool(lost) == (dtype == np.uint16)
    assert shown[0, 0, 1] == pytest.approx(peak, rel=0.02) and shown[0, 0, 0] < 0.05 * peak
    assert (shown[..., 3] == 77).all()


@pytest.mark.parametrize("endian", ["<", ">"])
def test_colours_that_were_converted_are_called_srgb(endian):
    """By EXIF and XMP, as a camera and Photoshop write them for Adobe RGB; viewers go by them without a profile."""
    exif = Image.Exif()
    exif.endian = endian
    exif.get_ifd(0x8769).update({0xA001: 65535, 0xA002: 640, 0xA005: {1: "R03", 2: b"0100"}})
    xmp = b"<x exif:ColorSpace='65535' photoshop:ICCProfile='Adobe RGB (1998)' exif:Flash='1'/>"
    pixels, block = np.zeros((8, 16, 3), np.uint8), exif.tobytes().removeprefix(b"Exif\0\0")
    for icc, expected in ((swapped_profile(), (1, "R98")), (None, (65535, "R03"))):
        stream = io.BytesIO()
        files.write(pixels, Metadata(icc=icc, exif=block, xmp=xmp), stream, format="jpeg", srgb=True)
        with Image.open(stream) as image:
            found = image.getexif()
            colours = found.get_ifd(0x8769)
            assert (colours[0xA001], found.get_ifd(0xA005)[1]) == expected and colours[0xA002] == 640
            changed = b"<x exif:ColorSpace='1' photoshop:ICCProfile='sRGB IEC61966-2.1' exif:Flash='1'/>"
            assert image.info["xmp"] == (changed if icc else xmp)


def test_srgb_itself_changes_no_pixel():
    pixels = np.random.default_rng(0).integers(0, 65536, (9, 9, 3), np.uint16)
    shown, kept, lost = to_srgb(pixels, Metadata(icc=srgb_profile()))
    assert shown is pixels and kept.icc is None and not lost


def test_a_profile_that_cannot_be_used_is_dropped_and_told():
    pixels = np.zeros((3, 3, 3), np.uint8)
    shown, kept, lost = to_srgb(pixels, Metadata(icc=b"no profile"))
    assert shown is pixels and kept.icc is None and "could not be used" in lost[0]


@pytest.mark.parametrize("options", [{"srgb": True}, {"strip": "all"}])
def test_a_written_file_has_converted_colours(options):
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 0] = 255
    stream = io.BytesIO()
    files.write(pixels, Metadata(icc=swapped_profile(), comments=(b"kept",)), stream, **options)
    with Image.open(stream) as image:
        assert "icc_profile" not in image.info and ("Comment" in image.info) == ("srgb" in options)
        assert colorsys.rgb_to_hsv(*np.asarray(image)[0, 0])[0] == pytest.approx(1 / 3, abs=0.01)
