"""The tables and figures of published papers: rows as printed, and our results beside them."""
