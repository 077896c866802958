"""Explanations of a restoration: figures of what was changed, and of what happens inside each paper's network.

``general`` holds the figures of every model, one file per network its own; ``page`` writes them as one HTML report.
"""
