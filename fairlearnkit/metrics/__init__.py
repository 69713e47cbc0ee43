"""Measures of unfairness, read off tables of counts, with intervals."""

from fairlearnkit.metrics._base_rates import (
    count,
    false_discovery_rate,
    false_negative_rate,
    false_omission_rate,
    false_positive_rate,
    mean_prediction,
    negative_predictive_value,
    positive_predictive_value,
    selection_rate,
    true_negative_rate,
    true_positive_rate,
)
from fairlearnkit.metrics._derived import (
    accuracy_score_difference,
    accuracy_score_group_min,
    accuracy_score_ratio,
    balanced_accuracy_score_group_min,
    f1_score_group_min,
    false_negative_rate_difference,
    false_negative_rate_ratio,
    false_positive_rate_difference,
    false_positive_rate_ratio,
    log_loss_group_max,
    make_derived_metric,
    mean_absolute_error_group_max,
    mean_squared_error_group_max,
    precision_score_group_min,
    r2_score_group_min,
    recall_score_group_min,
    roc_auc_score_group_min,
    selection_rate_difference,
    selection_rate_ratio,
    true_negative_rate_difference,
    true_negative_rate_ratio,
    true_positive_rate_difference,
    true_positive_rate_ratio,
    zero_one_loss_difference,
    zero_one_loss_group_max,
    zero_one_loss_ratio,
)
from fairlearnkit.metrics._differential import (
    DifferentialFairness,
    bias_amplification,
    differential_fairness,
    differential_fairness_of_table,
)
from fairlearnkit.metrics._disparity import (
    Disparity,
    disparity,
    disparity_of_table,
    rate_by_group,
)
from fairlearnkit.metrics._estimates import GroupEstimates, Means, Shares
from fairlearnkit.metrics._fairness import (
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equal_opportunity_ratio,
    equalized_odds_difference,
    equalized_odds_ratio,
)
from fairlearnkit.metrics._gaps import gap_interval
from fairlearnkit.metrics._impact import ImpactRatios, ImpactTable, impact_ratios
from fairlearnkit.metrics._interval_estimate import Estimate
from fairlearnkit.metrics._intervals import (
    newcombe_interval,
    proportion_interval,
    ratio_interval,
    wilson_interval,
)
from fairlearnkit.metrics._metric_frame import MetricFrame
from fairlearnkit.metrics._shrinkage import ShrunkenEstimates, shrink
from fairlearnkit.metrics._worst_group import WorstGroup, worst_group
from fairlearnkit.metrics.conditional._conditional import (
    ConditionalDisparity,
    conditional_disparity,
)
from fairlearnkit.metrics.conditional._explained import (
    ExplainedDisparity,
    explained_disparity,
)
from fairlearnkit.metrics.displays._calibration_display import GroupCalibrationDisplay
from fairlearnkit.metrics.displays._curve_displays import (
    GroupPrecisionRecallDisplay,
    GroupRocDisplay,
)
from fairlearnkit.metrics.displays._group_curves import (
    CalibrationCurve,
    PrecisionRecallCurve,
    RocCurve,
)
from fairlearnkit.metrics.displays._group_display import GroupMetricDisplay
from fairlearnkit.metrics.displays._model_comparison import (
    plot_model_comparison,
    plot_roc_curve_by_group,
)
from fairlearnkit.metrics.displays._threshold_display import ThresholdSweepDisplay
from fairlearnkit.metrics.displays._threshold_sweep import ThresholdSweep
from fairlearnkit.metrics.equality._equality import (
    adjusted_p_values,
    equality_test,
    equality_test_of_table,
    pairwise_tests,
)
from fairlearnkit.metrics.equality._equivalence import equivalence_p_value
from fairlearnkit.metrics.equality._power import (
    detectable_difference,
    power_of_gap,
    required_group_size,
)
from fairlearnkit.metrics.equality._results import EqualityTest, PairwiseTests
from fairlearnkit.metrics.individual._consistency import (
    consistency_interval,
    consistency_score,
)
from fairlearnkit.metrics.individual._counterfactual import FlipRate, flip_rate
from fairlearnkit.metrics.individual._entropy import (
    coefficient_of_variation,
    generalized_entropy_error,
    generalized_entropy_index,
    generalized_entropy_interval,
    prediction_benefits,
    theil_index,
)
from fairlearnkit.metrics.individual._entropy_parts import (
    EntropyDecomposition,
    between_group_generalized_entropy,
    entropy_decomposition,
)
from fairlearnkit.metrics.numbers._distances import (
    DistributionDistance,
    prediction_distance,
)
from fairlearnkit.metrics.numbers._errors import mean_error
from fairlearnkit.metrics.numbers._group_losses import GroupLosses, bounded_group_loss
from fairlearnkit.metrics.numbers._skewed_means import SkewedMeans
from fairlearnkit.metrics.scan._scan import SubgroupScan, subgroup_scan
from fairlearnkit.metrics.scores._area_laws import AreasUnderCurve, AveragePrecisions
from fairlearnkit.metrics.scores._calibration import (
    calibration_intercept,
    calibration_slope,
    expected_calibration_error,
    mean_calibration_error,
)
from fairlearnkit.metrics.scores._calibration_error import CalibrationErrors
from fairlearnkit.metrics.scores._cross_auc import CrossGroupAUC, cross_group_auc
from fairlearnkit.metrics.unknown_groups._unknown_groups import (
    UnknownGroupRates,
    expected_group_counts,
    rates_with_unknown_groups,
)

__all__ = [
    "AreasUnderCurve",
    "AveragePrecisions",
    "CalibrationCurve",
    "CalibrationErrors",
    "ConditionalDisparity",
    "CrossGroupAUC",
    "DifferentialFairness",
    "Disparity",
    "DistributionDistance",
    "EntropyDecomposition",
    "EqualityTest",
    "Estimate",
    "ExplainedDisparity",
    "FlipRate",
    "GroupCalibrationDisplay",
    "GroupEstimates",
    "GroupLosses",
    "GroupMetricDisplay",
    "GroupPrecisionRecallDisplay",
    "GroupRocDisplay",
    "ImpactRatios",
    "ImpactTable",
    "Means",
    "MetricFrame",
    "PairwiseTests",
    "PrecisionRecallCurve",
    "RocCurve",
    "Shares",
    "ShrunkenEstimates",
    "SkewedMeans",
    "SubgroupScan",
    "ThresholdSweep",
    "ThresholdSweepDisplay",
    "UnknownGroupRates",
    "WorstGroup",
    "accuracy_score_difference",
    "accuracy_score_group_min",
    "accuracy_score_ratio",
    "adjusted_p_values",
    "balanced_accuracy_score_group_min",
    "between_group_generalized_entropy",
    "bias_amplification",
    "bounded_group_loss",
    "calibration_intercept",
    "calibration_slope",
    "coefficient_of_variation",
    "conditional_disparity",
    "consistency_interval",
    "consistency_score",
    "count",
    "cross_group_auc",
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "detectable_difference",
    "differential_fairness",
    "differential_fairness_of_table",
    "disparity",
    "disparity_of_table",
    "entropy_decomposition",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equality_test",
    "equality_test_of_table",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equivalence_p_value",
    "expected_calibration_error",
    "expected_group_counts",
    "explained_disparity",
    "f1_score_group_min",
    "false_discovery_rate",
    "false_negative_rate",
    "false_negative_rate_difference",
    "false_negative_rate_ratio",
    "false_omission_rate",
    "false_positive_rate",
    "false_positive_rate_difference",
    "false_positive_rate_ratio",
    "flip_rate",
    "gap_interval",
    "generalized_entropy_error",
    "generalized_entropy_index",
    "generalized_entropy_interval",
    "impact_ratios",
    "log_loss_group_max",
    "make_derived_metric",
    "mean_absolute_error_group_max",
    "mean_calibration_error",
    "mean_error",
    "mean_prediction",
    "mean_squared_error_group_max",
    "negative_predictive_value",
    "newcombe_interval",
    "pairwise_tests",
    "plot_model_comparison",
    "plot_roc_curve_by_group",
    "positive_predictive_value",
    "power_of_gap",
    "precision_score_group_min",
    "prediction_benefits",
    "prediction_distance",
    "proportion_interval",
    "r2_score_group_min",
    "rate_by_group",
    "rates_with_unknown_groups",
    "ratio_interval",
    "recall_score_group_min",
    "required_group_size",
    "roc_auc_score_group_min",
    "selection_rate",
    "selection_rate_difference",
    "selection_rate_ratio",
    "shrink",
    "subgroup_scan",
    "theil_index",
    "true_negative_rate",
    "true_negative_rate_difference",
    "true_negative_rate_ratio",
    "true_positive_rate",
    "true_positive_rate_difference",
    "true_positive_rate_ratio",
    "wilson_interval",
    "worst_group",
    "zero_one_loss_difference",
    "zero_one_loss_group_max",
    "zero_one_loss_ratio",
]
