"""Writing of pixels and metadata as PNG, TIFF, WebP, JPEG, AVIF or JPEG XL; files are written atomically."""

from jpegmend.writing.files import as_target, check_options, check_picture, find_format, write
from jpegmend.writing.lossy import check_encoder

__all__ = ["as_target", "check_encoder", "check_options", "check_picture", "find_format", "write"]
