"""Evaluation: measuring models by named protocols, the tables of published papers, reports, benchmarks."""

from jpegmend.evaluation.measure.protocols import PROTOCOLS, Protocol
from jpegmend.evaluation.measure.results import Mean, Result, Row
from jpegmend.evaluation.measure.run import evaluate

__all__ = ["PROTOCOLS", "Mean", "Protocol", "Result", "Row", "evaluate"]
