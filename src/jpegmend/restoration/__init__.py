"""Restoration of JPEG artifacts, and enlargement, by a network run tile by tile."""

from jpegmend.restoration.options import Options
from jpegmend.restoration.pipeline import restore
from jpegmend.restoration.report import Report
from jpegmend.restoration.restored import Restored
from jpegmend.restoration.upscaling import upscale

__all__ = ["Options", "Report", "Restored", "restore", "upscale"]
