"""Measure and mitigate unfairness between groups of people, the scikit-learn way."""

from fairlearnkit._groups import Binned
from fairlearnkit.inprocessing import ReductionClassifier
from fairlearnkit.postprocessing import ThresholdOptimizer
from fairlearnkit.preprocessing import ReweighingClassifier

__version__ = "0.1.0.dev0"
__all__ = [
    "Binned",
    "ReductionClassifier",
    "ReweighingClassifier",
    "ThresholdOptimizer",
]
