"""Selecting models by performance and fairness: scorers, searches and splits."""

from fairlearnkit.model_selection._constrained import constrained_scorer
from fairlearnkit.model_selection._frontier import FairnessFrontier
from fairlearnkit.model_selection._frontier_display import FairnessFrontierDisplay
from fairlearnkit.model_selection._refit import ConstrainedRefit
from fairlearnkit.model_selection._scorers import fairness_scorer
from fairlearnkit.model_selection._split import (
    SensitiveStratifiedKFold,
    SensitiveStratifiedShuffleSplit,
    train_test_split,
)
from fairlearnkit.model_selection._unprocess import unprocess
from fairlearnkit.model_selection._unprocessed_comparison import (
    UnprocessedComparison,
    compare_unprocessed,
)

__all__ = [
    "ConstrainedRefit",
    "FairnessFrontier",
    "FairnessFrontierDisplay",
    "SensitiveStratifiedKFold",
    "SensitiveStratifiedShuffleSplit",
    "UnprocessedComparison",
    "compare_unprocessed",
    "constrained_scorer",
    "fairness_scorer",
    "train_test_split",
    "unprocess",
]
