"""Measurement: protocols, degradation and scoring of pictures, running methods by ``restore``, result files."""
