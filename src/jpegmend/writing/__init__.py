"""Writing of pixels and metadata as PNG, TIFF, WebP, JPEG, AVIF or JPEG XL; files are written atomically."""

from jpegmend.writing.files import find_format, write
from jpegmend.writing.lossy import check_encoder

__all__ = ["check_encoder", "find_format", "write"]
