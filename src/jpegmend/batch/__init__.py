"""Batches: search of input files, names of results, worker processes, and a journal for resuming."""
