"""Numbers that can be trusted: protocols, published tables, evaluation through ``restore``, reports."""

from jpegmend.evaluation.protocols import PROTOCOLS, Protocol
from jpegmend.evaluation.results import Mean, Result, Row
from jpegmend.evaluation.run import evaluate

__all__ = ["PROTOCOLS", "Mean", "Protocol", "Result", "Row", "evaluate"]
