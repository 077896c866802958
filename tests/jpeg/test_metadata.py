import io
import struct
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, IptcImagePlugin

from jpegmend import jpeg
from jpegmend.errors import InvalidOption


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(body) + 2) + body


def insert(data: bytes, *extra: bytes) -> bytes:
    return data[:2] + b"".join(extra) + data[2:]


@pytest.fixture(scope="module")
def plain(stored) -> bytes:
    return stored["huffman"]


def test_what_pillow_writes_is_read(encode, draw):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a chair"
    data = encode(draw(20, 20), icc_profile=icc, exif=exif, dpi=(300, 150), comment=b"first", xmp=b"<x:xmpmeta/>")
    metadata = jpeg.read_header(data).metadata
    assert metadata.icc == icc
    assert metadata.exif == exif.tobytes()[6:]
    assert metadata.orientation == 6
    assert metadata.density == (300, 150, "dpi")
    assert metadata.comments == (b"first",)
    assert metadata.xmp == b"<x:xmpmeta/>"


@pytest.mark.parametrize(("sets", "told"), [("1c021900", True), ("", False)])
def test_captions_and_keywords_of_iptc_are_told(plain, sets, told):
    """As exiftool 12.57 writes them, behind a resource of Photoshop's; Pillow reads the same."""
    data = bytes.fromhex(f"{sets}07") + b"harbour" if sets else b""
    data += bytes.fromhex("1c020000020004")
    other = b"8BIM\x04\x06\0\0" + struct.pack(">IHH", 4, 72, 0)
    found = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)
    file = insert(plain, segment(0xED, b"Photoshop 3.0\0" + other + found))
    with Image.open(io.BytesIO(file)) as image:
        assert ((2, 25) in IptcImagePlugin.getiptcinfo(image)) == told
    notes = jpeg.read_header(file).notes
    assert len(notes) == told and all("captions and keywords (APP13) are left out" in note for note in notes)


def test_comments_beyond_a_megabyte_are_left_out(plain):
    header = jpeg.read_header(insert(plain, *(segment(0xFE, bytes([n]) * 65_533) for n in range(40))))
    kept = header.metadata.comments
    assert 900_000 < sum(map(len, kept)) <= 1_000_000 and [comment[0] for comment in kept] == list(range(15))
    assert [note for note in header.notes if "comments beyond" in note] and not header.warnings


def test_a_file_without_any_has_none(kinds):
    metadata = jpeg.read_header(kinds["rgb by pillow"]).metadata
    assert metadata == jpeg.Metadata()
    assert jpeg.read_header(kinds["4:2:0"]).metadata.density == (1, 1, "aspect")


def test_long_profiles_are_joined_in_their_own_order(encode, draw, plain):
    profile = bytes(range(256)) * 800
    assert jpeg.read_header(encode(draw(8, 8), icc_profile=profile)).metadata.icc == profile
    parts = [segment(0xE2, b"ICC_PROFILE\0" + bytes([i, 3]) + b"abc"[i - 1 : i]) for i in (2, 3, 1)]
    assert jpeg.read_header(insert(plain, *parts)).metadata.icc == b"abc"


def test_profiles_that_do_not_fit_together_are_left_out(plain):
    one = segment(0xE2, b"ICC_PROFILE\0\1\2abc")
    for extra in ([one], [one, one], [one, segment(0xE2, b"ICC_PROFILE\0\2\3def")]):
        header = jpeg.read_header(insert(plain, *extra))
        assert header.metadata.icc is None
        assert "ICC" in header.warnings[0]


def test_extended_xmp_is_joined(plain):
    name, space = b"0123456789ABCDEF0123456789ABCDEF", b"http://ns.adobe.com/xmp/extension/\0"
    main = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x HasExtendedXMP='" + name + b"'/>")
    pieces = [segment(0xE1, space + name + struct.pack(">II", 6, at) + text) for at, text in ((3, b"def"), (0, b"abc"))]
    foreign = segment(0xE1, space + name[::-1] + struct.pack(">II", 3, 0) + b"xyz")
    assert jpeg.read_header(insert(plain, main, foreign, *pieces)).metadata.extended_xmp == b"abcdef"
    broken = jpeg.read_header(insert(plain, main, pieces[0]))
    assert broken.metadata.extended_xmp is None
    assert "XMP" in broken.warnings[0]
    assert jpeg.read_header(insert(plain, foreign)).notes == ("the extended XMP is left out: the XMP does not name it",)


@pytest.mark.parametrize(
    "lead, name", [(b"Exif\0\0", "EXIF"), (b"http://ns.adobe.com/xap/1.0/\0", "XMP")], ids=["exif", "xmp"]
)
def test_of_several_exif_or_xmp_segments_the_first_is_kept_and_told(plain, lead, name):
    blocks = [b"II*\0\x08\0\0\0" + text for text in (b"first", b"second")]
    first, second = (segment(0xE1, lead + block) for block in blocks)
    header = jpeg.read_header(insert(plain, first, second, second))
    assert getattr(header.metadata, name.lower()) == blocks[0]
    assert header.notes == (f"the file has several {name} segments; the first is kept",)
    assert jpeg.read_header(insert(plain, first, first)).notes == ()


@pytest.mark.parametrize("unit", [(0, "aspect"), (1, "dpi"), (2, "dpcm")])
def test_density_units(unit, plain):
    marker = segment(0xE0, b"JFIF\0\1\2" + bytes([unit[0]]) + struct.pack(">HH", 28, 29) + b"\0\0")
    data = plain[:2] + marker + plain[20:]
    assert jpeg.read_header(data).metadata.density == (28, 29, unit[1])


@pytest.mark.parametrize("marker", [None, (0, 1, 1), (1, 72, 72)])
@pytest.mark.parametrize(("unit", "stated"), [(2, "dpi"), (3, "dpcm"), (None, "dpi"), (1, None)])
def test_a_density_that_only_the_exif_states_is_read(marker, unit, stated, encode, draw):
    """As phones and cameras write it: without a JFIF marker, or with one that states the ratio 1 to 1 alone."""
    exif = Image.Exif()
    exif[282], exif[283] = 300.0, 150.5
    if unit:
        exif[296] = unit
    data = encode(draw(8, 8), exif=exif)
    jfif = segment(0xE0, b"JFIF\0\1\2" + struct.pack(">BHH", *marker) + b"\0\0") if marker else b""
    expected = (300, 150, stated) if stated else (1, 1, "aspect") if marker else None
    found = jpeg.read_header(data[:2] + jfif + data[20:]).metadata.density
    assert found == (expected if marker is None or marker[0] == 0 else (72, 72, "dpi"))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read_and_set(orientation, order):
    lead = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(order + "HHII", 0x0100, 4, 1, 77) + struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = lead + struct.pack(order + "IH", 8, 2) + entries + bytes(4)
    assert jpeg.read_orientation(exif) == orientation
    upright = jpeg.set_orientation(exif, 1)
    assert jpeg.read_orientation(upright) == 1
    assert Image.open(io.BytesIO(_with_exif(upright))).getexif()[0x0112] == 1
    assert jpeg.set_orientation(upright, orientation) == exif
    assert jpeg.set_orientation(lead + bytes(8), 3) == lead + bytes(8)
    with pytest.raises(InvalidOption, match="1 to 8"):
        jpeg.set_orientation(exif, 9)


def _with_exif(exif: bytes) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG", exif=b"Exif\0\0" + exif)
    return stream.getvalue()


@pytest.mark.parametrize(("index", "icc", "told"), [("R03", None, 1), ("R03", b"profile", 0), ("R98", None, 0)])
def test_adobe_rgb_that_only_the_exif_states_is_told(index, icc, told, encode, draw):
    """Some cameras write no profile; without one neither browsers nor ``--srgb`` convert the colours."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA001: 65535, 0xA005: {1: index, 2: b"0100"}})
    header = jpeg.read_header(encode(draw(8, 8), exif=exif, icc_profile=icc))
    assert ["states Adobe RGB, without an ICC profile" in note for note in header.notes] == [True] * told
    assert not header.warnings


def test_an_exif_that_is_no_tiff_structure_is_left_out(plain):
    """Pillow passes over one in a JPEG, and fails on a PNG or WebP with it."""
    whole = Image.Exif()
    whole[271] = "Maker"
    junk, second = segment(0xE1, b"Exif\0\0no structure"), segment(0xE1, whole.tobytes())
    header = jpeg.read_header(insert(plain, junk))
    assert header.metadata.exif is None and header.warnings == ("the EXIF is no TIFF structure; it is left out",)
    assert jpeg.read_header(insert(plain, junk, second)).metadata.exif == whole.tobytes()[6:]
    for empty in (b"Exif\0", b"Exif\0\0"):
        assert jpeg.read_header(insert(plain, segment(0xE1, empty))).warnings == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("applied", [3, 6])
def test_exif_of_turned_pixels(order, applied):
    def directory(after: int, *entries: tuple[int, int, int]) -> bytes:
        body = b"".join(struct.pack(order + "HHII", tag, kind, 1, value) for tag, kind, value in entries)
        return struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", after)

    short = 1 if order == "<" else 1 << 16  # the value of a short lies in the first two bytes
    lead = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = [(256, 3, 40 * short), (257, 4, 30), (0x0112, 3, applied * short), (0x8769, 4, 62)]
    exif = lead + directory(92, *entries) + directory(0, (0xA002, 4, 4000), (0xA003, 3, 3000 * short))
    exif += directory(0, (256, 3, 16 * short), (257, 3, 12 * short))
    before, after = Image.Exif(), Image.Exif()
    before.load(exif)
    assert before.get_ifd(ExifTags.IFD.IFD1) == {256: 16, 257: 12}
    after.load(jpeg.turn(jpeg.Metadata(exif=exif), applied).exif)
    sizes = (30, 40, 3000, 4000) if applied == 6 else (40, 30, 4000, 3000)
    inner = after.get_ifd(0x8769)
    assert (after[256], after[257], inner[0xA002], inner[0xA003]) == sizes
    assert after[0x0112] == 1 and not after.get_ifd(ExifTags.IFD.IFD1)
    larger = Image.Exif()
    larger.load(jpeg.enlarge(jpeg.Metadata(exif=exif), 30).exif)
    inner = larger.get_ifd(0x8769)
    assert (larger[256], larger[257], inner[0xA002], inner[0xA003]) == (1200, 900, 120_000, 90_000)
    assert larger[0x0112] == applied and larger.get_ifd(ExifTags.IFD.IFD1) == {256: 16, 257: 12}


TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
ATTRIBUTES = '<rdf:Description tiff:ImageWidth="40" tiff:ImageLength = \'30\' exif:PixelXDimension="40" \
exif:PixelYDimension="30" tiff:Orientation="{}" tiff:XResolution="72/1" tiff:YResolution="96/1" tiff:Make="40"/>'
ELEMENTS = """<rdf:Description><tiff:ImageWidth>40</tiff:ImageWidth><tiff:ImageLength> 30 </tiff:ImageLength>
<exif:PixelXDimension>40</exif:PixelXDimension><exif:PixelYDimension>30</exif:PixelYDimension>
<tiff:Orientation>{}</tiff:Orientation><tiff:XResolution>72/1</tiff:XResolution><tiff:YResolution>96/1</tiff:YResolution>
<tiff:Make>40</tiff:Make></rdf:Description>"""


def read_xmp(packet: bytes) -> dict[str, str]:
    """The properties of a packet's only description by an XML parser: attributes or elements."""
    (description,) = ElementTree.fromstring(packet).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    found = description.attrib | {child.tag: child.text.strip() for child in description}
    return {name.removeprefix("{" + TIFF + "}").removeprefix("{" + EXIF + "}"): text for name, text in found.items()}


@pytest.mark.parametrize("body", [ATTRIBUTES, ELEMENTS])
@pytest.mark.parametrize("applied", [3, 6])
def test_xmp_of_turned_and_enlarged_pixels(applied, body):
    spaces = f'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:tiff="{TIFF}" xmlns:exif="{EXIF}"'
    metadata = jpeg.Metadata(xmp=f"<x {spaces}>{body.format(applied)}</x>".encode(), orientation=applied)
    names = ("ImageWidth", "ImageLength", "PixelXDimension", "PixelYDimension", "XResolution", "YResolution")
    turned = read_xmp(jpeg.turn(metadata, applied).xmp)
    expected = "30 40 30 40 96/1 72/1" if applied == 6 else "40 30 40 30 72/1 96/1"
    assert " ".join(turned[name] for name in names) == expected
    assert (turned["Orientation"], turned["Make"]) == ("1", "40")
    larger = read_xmp(jpeg.enlarge(metadata, 3).xmp)
    assert " ".join(larger[name] for name in names) == "120 90 120 90 72/1 96/1"
    assert (larger["Orientation"], larger["Make"]) == (str(applied), "40")


@given(st.binary(max_size=60), st.sampled_from([b"II*\0", b"MM\0*", b"II*\0\b\0\0\0", b""]))
def test_any_exif_has_an_orientation(tail, lead):
    assert 1 <= jpeg.read_orientation(lead + tail) <= 8
    assert len(jpeg.set_orientation(lead + tail, 5)) == len(lead + tail)
    density = jpeg.read_density(lead + tail)
    assert density is None or min(density[:2]) > 0
    metadata = jpeg.Metadata(exif=lead + tail)
    if metadata.exif:
        changed = (jpeg.turn(metadata, 6), jpeg.enlarge(metadata, 3), jpeg.state_srgb(metadata))
        assert {len(each.exif) for each in changed} == {len(metadata.exif)}
