"""What parity of a regressor's predictions reached, and what it cost."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import column_or_1d

from fairlearnkit._draws import row_uniforms
from fairlearnkit._extras import require
from fairlearnkit._groups import Groups
from fairlearnkit._sklearn import is_frozen
from fairlearnkit._solvers.barycenters import BarycenterTransport
from fairlearnkit._solvers.quantiles import (
    RankLaw,
    rounding_step,
    wasserstein_unfairness,
)
from fairlearnkit.postprocessing._group_report import report_by_group
from fairlearnkit.postprocessing._out_of_fold import predictions


@dataclass(frozen=True)
class BeforeAfter:
    """A number under the plain model and under the mitigator.

    Parameters
    ----------
    before, after : float
    """

    before: float
    after: float


@dataclass(frozen=True, eq=False)
class BarycenterStep:
    """One transport of all groups to their barycentre.

    Parameters
    ----------
    names : tuple of str
        The sensitive columns that make the groups.
    groups : tuple
        Label of each group.
    transport : BarycenterTransport
        The fitted maps.
    """

    names: tuple
    groups: tuple
    transport: BarycenterTransport


@dataclass(frozen=True, eq=False)
class RiskFrontier:
    """Error and unfairness at every share of the unfairness that is left.

    Parameters
    ----------
    tolerance : ndarray of shape (n_points,), ascending from 0 to 1
        Share of the unfairness that is left.
    unfairness : ndarray of shape (n_points,)
        Mean squared Wasserstein distance of the groups from their barycentre, in
        squared units of y.
    price : ndarray of shape (n_points,)
        Mean squared change of the predictions.
    mean_squared_error : ndarray of shape (n_points,)
        Against y, on the predictions out of fold.

    Examples
    --------
    >>> import numpy as np
    >>> plain, fair = np.array([0.0, 1, 2, 3]), np.array([1.0, 2, 1, 2])
    >>> groups = Groups(np.array([0, 0, 1, 1]), ("a", "b"), ("group",))
    >>> frontier = risk_frontier(plain, plain, fair, groups, np.ones(4), known=1.0)
    >>> frontier.unfairness[[0, -1]], frontier.price[[0, -1]]
    (array([0., 1.]), array([1., 0.]))
    """

    tolerance: np.ndarray
    unfairness: np.ndarray
    price: np.ndarray
    mean_squared_error: np.ndarray

    def to_frame(self):
        """A row for each tolerance.

        Returns
        -------
        frame : pandas.DataFrame
            Columns: tolerance, unfairness, price, mean_squared_error.
        """
        pandas = require("pandas", extra="pandas", user="RiskFrontier.to_frame")
        return pandas.DataFrame(dict(vars(self)))


def risk_frontier(y, plain, fair, groups, weight, known=None):
    """Frontier of the mixtures of plain and fair predictions.

    Parameters
    ----------
    y, plain, fair : ndarray of shape (n_samples,)
        Truth, and predictions before and after full mitigation.
    groups : Groups
    weight : ndarray of shape (n_samples,)
    known : float, default=None
        Unfairness of `plain`, where `fair` is its transport to the barycentre of
        `groups` and that of all mixtures follows; else it is measured, at 11 of them.

    Returns
    -------
    frontier : RiskFrontier
    """
    tolerance = np.linspace(0, 1, 11 if known is None else 101)
    mixed = 1 - np.sqrt(tolerance)
    move = fair - plain
    # Errors of mixtures are a parabola in the share of the fair prediction.
    error, cross, price = (
        np.average(part, weights=weight)
        for part in ((y - plain) ** 2, (y - plain) * move, move**2)
    )

    if known is None:
        group = groups.codes, len(groups), weight
        unfairness = np.array(
            [wasserstein_unfairness(plain + share * move, *group) for share in mixed]
        )
    else:
        unfairness = tolerance * known
    return RiskFrontier(
        tolerance,
        unfairness,
        mixed**2 * price,
        error - 2 * mixed * cross + mixed**2 * price,
    )


def check_two_rows(mitigator, data):
    """Raise a ValueError if no row can be predicted by a model of others."""
    if len(data.y) < 2 and not is_frozen(mitigator.estimator):
        raise ValueError(
            f"{type(mitigator).__name__} got n_samples=1 and predicts each row by a "
            "model of others; give two rows or more."
        )


def finite_predictions(model, X, sensitive_features):
    """Answer by `predict`, with numbers that have a rank.

    Parameters
    ----------
    model : regressor
    X : array-like, sparse matrix or data frame
    sensitive_features : array-like or None
        For nested mitigators.

    Returns
    -------
    found : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If a prediction is missing or infinite.
    """
    found = column_or_1d(predictions(model, X, sensitive_features)).astype(float)
    if lost := int((~np.isfinite(found)).sum()):
        raise ValueError(
            f"{type(model).__name__} predicts {lost} missing or infinite numbers, "
            "which have no rank."
        )
    return found


def compare(measure, plain, after, groups, weight):
    """Measure the predictions of groups before and after.

    Parameters
    ----------
    measure : callable
        ``measure(values, codes, n_groups, weight)``.
    plain, after : ndarray of shape (n_samples,)
    groups : Groups
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    found : BeforeAfter
    """
    return BeforeAfter(
        *(measure(f, groups.codes, len(groups), weight) for f in (plain, after))
    )


def report_errors(plain, after, data):
    """Report each group's squared error, in units of the variance of y.

    Parameters
    ----------
    plain, after : ndarray of shape (n_samples,)
        Predictions.
    data : TrainingData
        Of a regression.

    Returns
    -------
    report : GroupReport
    """
    y, weight = data.y, data.weight_or_ones
    mean = np.average(y, weights=weight)
    variance = np.average((y - mean) ** 2, weights=weight) or 1.0
    return report_by_group(
        "1 - squared error / variance of y",
        1 - (y - plain) ** 2 / variance,
        1 - (y - after) ** 2 / variance,
        data.groups.codes,
        data.groups.labels,
        data.groups.names,
        data.weight,
    )


def heaviest_tie(values, data):
    """Find the largest share of a group that has one number, in different rows.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    data : TrainingData

    Returns
    -------
    group : int
    share : float
    """
    spots = row_uniforms(data.X, 0)  # tell a tie from a row that is repeated
    step, weight = rounding_step(values), data.weight_or_ones
    members = [data.groups.codes == code for code in range(len(data.groups))]
    shares = [
        RankLaw.of(values[rows], weight[rows], step, spots[rows]).heaviest
        for rows in members
    ]
    return int(np.argmax(shares)), max(shares)


def groups_by_column(groups):
    """Groups of each sensitive column by itself.

    Parameters
    ----------
    groups : Groups
        Of one column, or of several that are crossed.

    Returns
    -------
    columns : list of Groups
    """
    if len(groups.names) == 1:
        return [groups]
    columns = []
    for place, name in enumerate(groups.names):
        values = [label[place] for label in groups.labels]
        labels = tuple(dict.fromkeys(values))
        position = {label: code for code, label in enumerate(labels)}
        codes = np.array([position[value] for value in values], dtype=np.intp)
        columns.append(Groups(codes[groups.codes], labels, (name,)))
    return columns
