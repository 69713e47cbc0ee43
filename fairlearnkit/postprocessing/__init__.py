"""Mitigation after training: thresholds and scores of a model, adjusted by group."""

from fairlearnkit.postprocessing._barycenter import WassersteinBarycenterRegressor
from fairlearnkit.postprocessing._calibrated_equalized_odds import (
    CalibratedEqualizedOdds,
)
from fairlearnkit.postprocessing._equalized_coverage import EqualizedCoverageRegressor
from fairlearnkit.postprocessing._equalized_coverage_sets import (
    EqualizedCoverageClassifier,
)
from fairlearnkit.postprocessing._equalized_odds import EqualizedOddsPostprocessor
from fairlearnkit.postprocessing._fair_projection import FairProjectionClassifier
from fairlearnkit.postprocessing._group_calibrated import GroupCalibratedClassifier
from fairlearnkit.postprocessing._linear_post import LinearPostClassifier
from fairlearnkit.postprocessing._multicalibrated import MulticalibratedClassifier
from fairlearnkit.postprocessing._reject_option import RejectOptionClassifier
from fairlearnkit.postprocessing._threshold_optimizer import ThresholdOptimizer

__all__ = [
    "CalibratedEqualizedOdds",
    "EqualizedCoverageClassifier",
    "EqualizedCoverageRegressor",
    "EqualizedOddsPostprocessor",
    "FairProjectionClassifier",
    "GroupCalibratedClassifier",
    "LinearPostClassifier",
    "MulticalibratedClassifier",
    "RejectOptionClassifier",
    "ThresholdOptimizer",
    "WassersteinBarycenterRegressor",
]
