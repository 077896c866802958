"""Benchmarks: time and memory of a restoration, side by side with a fixed reference network."""
