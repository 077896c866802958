"""Conversion of the authors' own files of weights to those of the networks in ``jpegmend.models``."""

from jpegmend.conversion.convert import SOURCES, convert

__all__ = ["SOURCES", "convert"]
