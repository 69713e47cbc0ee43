"""Mitigation in training: constrained estimators."""

from fairlearnkit.inprocessing._reduction import ReductionClassifier

__all__ = ["ReductionClassifier"]
