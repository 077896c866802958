"""Writing of pixels and metadata as PNG, TIFF, WebP, JPEG, AVIF or JPEG XL; files are written atomically."""

from jpegmend.writing.atomic import check_target, open_target, write_bytes
from jpegmend.writing.files import find_format, write
from jpegmend.writing.lossy import check_encoder

__all__ = ["check_encoder", "check_target", "find_format", "open_target", "write", "write_bytes"]
