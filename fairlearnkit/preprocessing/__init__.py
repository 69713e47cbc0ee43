"""Mitigation before training: weights, labels, rows and representations."""

from fairlearnkit.preprocessing._reweighing import ReweighingClassifier

__all__ = ["ReweighingClassifier"]
