"""The statement that a picture was altered, read back by Pillow and an XML parser."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from jpegmend.jpeg import Metadata
from jpegmend.writing import files
from jpegmend.writing.marking import SOURCE_TYPE, mark

RDF, EXT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
DIGITAL = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
OLD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<r:Description r:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"{attribute}>'
    "{element}</r:Description></r:RDF></x:xmpmeta><?xpacket end='w'?>"
)
NAMESPACE = 'xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'


def statements(xmp: bytes | str) -> list[str]:
    """Every DigitalSourceType of a packet, as attribute or element; all descriptions must be about one thing."""
    root = ElementTree.fromstring(xmp)
    descriptions = root.findall(f".//{RDF}Description")
    assert len({each.get(f"{RDF}about") for each in descriptions}) == 1
    found = [each.get(f"{EXT}DigitalSourceType") for each in descriptions]
    return [text for text in found if text] + [str(each.text) for each in root.iter(f"{EXT}DigitalSourceType")]


@pytest.mark.parametrize(
    ("attribute", "element"),
    [
        ("", ""),
        (f' {NAMESPACE} e:DigitalSourceType="{DIGITAL}"', ""),
        (f" {NAMESPACE}", f"<e:DigitalSourceType>{DIGITAL}</e:DigitalSourceType>"),
    ],
)
def test_a_packet_keeps_all_else_and_an_earlier_statement_is_replaced(attribute: str, element: str) -> None:
    old = OLD.format(attribute=attribute, element=element).encode()
    marked, left_out = mark(Metadata(xmp=old))
    assert marked.xmp is not None and left_out == ()
    assert statements(marked.xmp) == [SOURCE_TYPE.decode()]
    assert b'dc:format="image/jpeg"' in marked.xmp
    assert mark(marked)[0] == marked


@pytest.mark.parametrize("broken", [b"no XML at all", b"<x:xmpmeta/>", b" " * 70_000])
def test_a_packet_without_a_place_for_it_is_replaced_and_told(broken: bytes) -> None:
    marked, left_out = mark(Metadata(xmp=broken, extended_xmp=b"more"))
    assert marked.xmp is not None and statements(marked.xmp) == [SOURCE_TYPE.decode()]
    assert len(left_out) == 1 and marked.extended_xmp is None


@pytest.mark.parametrize("form", ["png", "tiff", "webp", "jpeg"])
def test_every_format_holds_it(form: str) -> None:
    stream = io.BytesIO()
    files.write(np.zeros((9, 9, 3), np.uint8), Metadata(comments=(b"x",)), stream, format=form, strip=True, mark=True)
    stream.seek(0)
    with Image.open(stream) as image:
        image.load()
        tag = image.tag_v2.get(700) if form == "tiff" else None
        xmp = tag or image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    assert statements(xmp) == [SOURCE_TYPE.decode()]
