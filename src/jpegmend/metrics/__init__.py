"""PSNR, SSIM, PSNR-B: pure functions, the range always said. numpy only."""

from jpegmend.metrics.peak import psnr

__all__ = ["psnr"]
