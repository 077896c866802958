"""The IPTC property "Digital Source Type" in XMP, which says that a picture was altered by an algorithm."""

from __future__ import annotations

import re
from dataclasses import replace

from jpegmend.jpeg import Metadata
from jpegmend.writing.stripping import LARGEST_XMP

SOURCE_TYPE = b"http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
"""IPTC NewsCodes: "Algorithmically-altered media". Its neighbour compositeWithTrainedAlgorithmicMedia is for pictures
edited by generative AI; a restoring network adds nothing to a picture that was not in it."""

_NAMESPACE = b"http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PACKET = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def mark(metadata: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    """Metadata whose XMP states :data:`SOURCE_TYPE`, and what was left out for that, in words.

    The property is ``Iptc4xmpExt:DigitalSourceType`` (IPTC Photo Metadata Standard). An earlier statement is replaced,
    all else in the packet stays.
    """
    changed = _with_statement(metadata.xmp) if metadata.xmp else None
    if changed is not None:
        return replace(metadata, xmp=changed), ()
    new = _with_statement(_PACKET)
    left_out = ("the XMP, in which the mark has no place: it is damaged or too long",) if metadata.xmp else ()
    return replace(metadata, xmp=new, extended_xmp=None if metadata.xmp else metadata.extended_xmp), left_out


def _with_statement(xmp: bytes) -> bytes | None:
    """The packet with the statement as a description of its own; None if it cannot hold it."""
    if len(xmp) > LARGEST_XMP:
        return None
    xmp = _without_statement(xmp)
    ends = list(re.finditer(rb"</([\w.-]+):RDF\s*>", xmp))
    if not ends or b"DigitalSourceType" in xmp:
        return None
    prefix, place = ends[-1][1], ends[-1].start()
    # All descriptions of a packet are about the same thing (XMP Specification part 1, 7.4).
    about = re.search(re.escape(prefix) + rb":about\s*=\s*([\"'][^\"'<>]*[\"'])", xmp)
    statement = b'<%b:Description %b:about=%b xmlns:Iptc4xmpExt="%b" Iptc4xmpExt:DigitalSourceType="%b"/>' % (
        prefix,
        prefix,
        about[1] if about else b'""',
        _NAMESPACE,
        SOURCE_TYPE,
    )
    return xmp[:place] + statement + xmp[place:]


def _without_statement(xmp: bytes) -> bytes:
    for prefix in set(re.findall(rb"xmlns:([\w.-]+)\s*=\s*[\"']" + re.escape(_NAMESPACE) + rb"[\"']", xmp)):
        name = re.escape(prefix) + rb":DigitalSourceType"
        xmp = re.sub(rb"\s+" + name + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", xmp)
        xmp = re.sub(rb"<" + name + rb"(?:\s[^<>]*)?(?:/>|(?<!/)>[^<]*</" + name + rb"\s*>)", b"", xmp)
        # A description that held nothing else, as those written here.
        xmp = re.sub(rb"<[\w.-]+:Description [\w.-]+:about=\S+ xmlns:" + re.escape(prefix) + rb"=\S+/>", b"", xmp)
    return xmp
