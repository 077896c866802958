"""PSNR, SSIM and PSNR-B as pure functions; the peak value is always an argument. numpy only."""

from jpegmend.metrics.blocking import bef, psnr_b
from jpegmend.metrics.peak import psnr
from jpegmend.metrics.similarity import ssim

__all__ = ["bef", "psnr", "psnr_b", "ssim"]
