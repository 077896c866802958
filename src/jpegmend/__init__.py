"""jpegmend: a JPEG goes in, a better picture comes out."""

__version__ = "0.1.0"
