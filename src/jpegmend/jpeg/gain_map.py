"""Statements in XMP about other data of the same file, which a restored picture does not carry.

Ultra HDR keeps a gain map behind the picture, motion photos a film; the XMP says that it is there and how to use it.
"""

from __future__ import annotations

import re

_NAMESPACES = (
    b"http://ns.adobe.com/hdr-gain-map/1.0/",
    b"http://ns.apple.com/HDRGainMap/1.0/",
    b"http://ns.google.com/photos/1.0/container/",
    b"http://ns.google.com/photos/1.0/container/item/",
    b"http://ns.google.com/photos/1.0/camera/",
)
_LARGEST = 65_535
"""Bytes of an XMP packet that is searched: a JPEG segment holds no more, and a search may take its square."""


def note_removed(kept: bool) -> str:
    """Note that statements were removed; ``kept`` says whether the rest of the XMP was kept."""
    lost = "" if kept else "; the rest of the XMP could not be kept"
    return f"a gain map or an appended file (a motion photo's film) is left out, and what the XMP says of it{lost}"


def remove_statements(xmp: bytes) -> tuple[bytes | None, bool]:
    """XMP without its statements about gain maps and appended files, and whether there were any.

    None instead of the XMP where they cannot be taken out cleanly.

    >>> remove_statements(b'<a xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0" b="1"/>')
    (b'<a b="1"/>', True)
    """
    if not any(name in xmp for name in _NAMESPACES):
        return xmp, False
    if len(xmp) > _LARGEST:
        return None, True
    for name in _NAMESPACES:
        for prefix in set(re.findall(rb"xmlns:([\w.-]+)\s*=\s*[\"']" + re.escape(name) + rb"[\"']", xmp)):
            xmp = _without(xmp, re.escape(prefix), re.escape(name))
            if re.search(rb"[\s</]" + re.escape(prefix) + rb":", xmp):
                return None, True
    return (None if any(name in xmp for name in _NAMESPACES) else xmp), True


def _without(xmp: bytes, prefix: bytes, name: bytes) -> bytes:
    """XMP without the elements and attributes of a prefix, and without its declaration."""
    value = rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')"
    elements = rb"<" + prefix + rb":([\w.-]+)(?:\s[^<>]*)?(?:/>|(?<!/)>.*?</" + prefix + rb":\1\s*>)"
    xmp = re.sub(elements, b"", xmp, flags=re.DOTALL)
    xmp = re.sub(rb"\s+" + prefix + rb":[\w.-]+" + value, b"", xmp)
    return re.sub(rb"\s+xmlns:" + prefix + rb"\s*=\s*[\"']" + name + rb"[\"']", b"", xmp)
