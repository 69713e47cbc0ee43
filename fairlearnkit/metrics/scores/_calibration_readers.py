"""Readers of the measures of calibration, off tables of probabilities."""

from numbers import Integral

from fairlearnkit.metrics._people import as_scores, positive_codes
from fairlearnkit.metrics._reading import Reader, read_mean
from fairlearnkit.metrics.scores._calibration_error import read_calibration_error
from fairlearnkit.metrics.scores._recalibration import (
    check_log_odds,
    read_intercept,
    read_slope,
)

_STRATEGIES = ("quantile", "uniform")


def mean_error_reader(pos_label=None):
    """Read the mean calibration error off moments."""

    def table(people):
        codes, _ = positive_codes(people.y_true, pos_label)
        return people.moments({"error": codes - probabilities(people.y_pred)})

    def read(moments):
        return read_mean(moments, "mean_calibration_error", support=(-1.0, 1.0))

    return Reader(table, read)


def intercept_reader(pos_label=None):
    """Read the intercept off a table of probabilities."""
    return Reader(_log_odds_table(pos_label), read_intercept)


def slope_reader(pos_label=None):
    """Read the slope off a table of probabilities."""
    return Reader(_log_odds_table(pos_label), read_slope)


def expected_error_reader(n_bins=10, strategy="quantile", debias=False, pos_label=None):
    """Read the expected calibration error off a table of probabilities."""
    if not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins must be a positive integer, got {n_bins!r}.")
    if strategy not in _STRATEGIES:
        raise ValueError(f"strategy must be one of {_STRATEGIES}, got {strategy!r}.")

    def read(table):
        return read_calibration_error(table, n_bins, strategy, bool(debias))

    return Reader(_probability_table(pos_label), read)


def probabilities(y_pred):
    """Check predicted probabilities of the positive class.

    Raises
    ------
    ValueError
        If one is missing, or outside of [0, 1].
    """
    values = as_scores(y_pred)
    outside = int(((values < 0) | (values > 1)).sum())
    if outside:
        raise ValueError(
            f"y_pred holds {outside} values outside of [0, 1]; pass probabilities, "
            "such as the positive class's predict_proba."
        )
    return values


def _probability_table(pos_label):
    def table(people):
        probabilities(people.y_pred)
        return people.scores(pos_label)

    return table


def _log_odds_table(pos_label):
    def table(people):
        found = _probability_table(pos_label)(people)
        check_log_odds(found.scores)
        return found

    return table
