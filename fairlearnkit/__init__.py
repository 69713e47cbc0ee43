"""Measure and mitigate unfairness between groups of people, the scikit-learn way."""

from fairlearnkit._groups import Binned
from fairlearnkit.inprocessing import ReductionClassifier
from fairlearnkit.postprocessing import (
    CalibratedEqualizedOdds,
    EqualizedCoverageClassifier,
    EqualizedCoverageRegressor,
    EqualizedOddsPostprocessor,
    FairProjectionClassifier,
    GroupCalibratedClassifier,
    LinearPostClassifier,
    MulticalibratedClassifier,
    RejectOptionClassifier,
    ThresholdOptimizer,
    WassersteinBarycenterRegressor,
)
from fairlearnkit.preprocessing import ReweighingClassifier

__version__ = "0.1.0.dev0"
__all__ = [
    "Binned",
    "CalibratedEqualizedOdds",
    "EqualizedCoverageClassifier",
    "EqualizedCoverageRegressor",
    "EqualizedOddsPostprocessor",
    "FairProjectionClassifier",
    "GroupCalibratedClassifier",
    "LinearPostClassifier",
    "MulticalibratedClassifier",
    "ReductionClassifier",
    "RejectOptionClassifier",
    "ReweighingClassifier",
    "ThresholdOptimizer",
    "WassersteinBarycenterRegressor",
]
