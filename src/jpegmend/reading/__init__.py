"""Reading of pictures: a path, bytes, a file, a Pillow image or an array becomes an ``Opened``."""

from jpegmend.reading.opened import Opened
from jpegmend.reading.sources import Source, for_another_process, open_source, prepare, read_bytes

__all__ = ["Opened", "Source", "for_another_process", "open_source", "prepare", "read_bytes"]
