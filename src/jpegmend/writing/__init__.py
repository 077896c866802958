"""Writing of pixels and metadata as PNG, TIFF, WebP or JPEG; files are written atomically."""

from jpegmend.writing.atomic import check_target, open_target, write_bytes
from jpegmend.writing.files import find_format, write

__all__ = ["check_target", "find_format", "open_target", "write", "write_bytes"]
