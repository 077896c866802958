"""Fixtures of the tests of ``jpegmend.jpeg``, for the tests of the workers that decode them."""

from tests.jpeg.conftest import draw, encode, kinds, stored  # noqa: F401
