"""Measures of unfairness, read off tables of counts, with intervals."""

from fairlearnkit.metrics._disparity import (
    Disparity,
    RateByGroup,
    disparity_of_table,
    rate_by_group,
)
from fairlearnkit.metrics._fairness import (
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equal_opportunity_ratio,
    equalized_odds_difference,
    equalized_odds_ratio,
)
from fairlearnkit.metrics._intervals import (
    newcombe_interval,
    ratio_interval,
    wilson_interval,
)

__all__ = [
    "Disparity",
    "RateByGroup",
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "disparity_of_table",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "newcombe_interval",
    "rate_by_group",
    "ratio_interval",
    "wilson_interval",
]
