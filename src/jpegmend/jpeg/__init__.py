"""JPEG files: bytes to quantised coefficients, tables, sampling and metadata; no loss, no floats."""

from jpegmend.jpeg.coefficients import read as read
from jpegmend.jpeg.image import Component as Component
from jpegmend.jpeg.image import FrameComponent as FrameComponent
from jpegmend.jpeg.image import Header as Header
from jpegmend.jpeg.image import JpegImage as JpegImage
from jpegmend.jpeg.image import Scan as Scan
from jpegmend.jpeg.markers import read_header as read_header
from jpegmend.jpeg.metadata import Metadata as Metadata
from jpegmend.jpeg.metadata import decode_text as decode_text
from jpegmend.jpeg.metadata import enlarge as enlarge
from jpegmend.jpeg.metadata import make_exif as make_exif
from jpegmend.jpeg.metadata import read_density as read_density
from jpegmend.jpeg.metadata import read_orientation as read_orientation
from jpegmend.jpeg.metadata import set_orientation as set_orientation
from jpegmend.jpeg.metadata import state_srgb as state_srgb
from jpegmend.jpeg.metadata import turn as turn
from jpegmend.jpeg.sniff import sniff as sniff
