"""Fixtures of the JPEG room's tests, for the tests of the workers that decode them."""

from tests.jpeg.conftest import draw, encode, kinds, stored  # noqa: F401
