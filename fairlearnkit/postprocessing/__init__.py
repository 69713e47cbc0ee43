"""Mitigation after training: thresholds and scores of a model, adjusted by group."""

from fairlearnkit.postprocessing._threshold_optimizer import ThresholdOptimizer

__all__ = ["ThresholdOptimizer"]
