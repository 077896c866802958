"""The job: a picture goes in, a better one comes out, tile by tile, with all that the file carried."""

from jpegmend.restoration.options import Options
from jpegmend.restoration.pipeline import restore
from jpegmend.restoration.report import Report
from jpegmend.restoration.restored import Restored
from jpegmend.restoration.upscaling import upscale

__all__ = ["Options", "Report", "Restored", "restore", "upscale"]
