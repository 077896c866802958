"""Measuring: protocols, degrading and scoring pictures, running methods through ``restore``, results as files."""
