"""Individual fairness: whether people who are alike are treated alike."""

from numbers import Integral

import numpy as np
from scipy import sparse
from scipy.special import ndtri
from sklearn.neighbors import NearestNeighbors

from fairlearnkit._columns import as_frame
from fairlearnkit._factorize import factorize, is_missing, to_numpy
from fairlearnkit._vocabulary import check_weight
from fairlearnkit.exceptions import shortlist
from fairlearnkit.metrics._interval_estimate import (
    check_confidence_level,
    kish_number,
    standard_error,
)
from fairlearnkit.metrics._intervals import wilson_interval

_TIE = 1e-9  # relative difference up to which two distances are the same
_MOST_PAIRS = 1 << 22  # pairs of people that are looked at together


def consistency_score(
    X, y_pred, *, n_neighbors=5, include_self=False, sample_weight=None
):
    """How much each person's decision agrees with those of similar people; 1 is best.

    Similar are the nearest in X, so that the answer is no better than its distance:
    scale the columns, and leave out those in which people may not be told apart, such
    as sex, or leave them in to ask the stricter question. It compares nobody by group,
    and a rule that decides the same for all is perfectly consistent. It rises with the
    number of rows, as neighbours get nearer: compare it on the same rows only.

    Parameters
    ----------
    X : array-like or data frame of shape (n_samples, n_features)
        Finite numbers. Strings and missing values have no distance: pass X through the
        same preprocessing as the model, for example ``model[:-1].transform(X)``.
    y_pred : array-like of shape (n_samples,)
        Labels (text, booleans or integers; any number of classes) or scores (floats).
    n_neighbors : int, default=5
        Neighbours of each person.
    include_self : bool, default=False
        Whether a person is one of their own neighbours. The paper's k nearest
        neighbours of x leave it open; AIF360 includes the person.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative. They weigh the people, and the neighbours of each; `n_neighbors`
        counts rows, whatever they weigh, but for rows without weight.

    Returns
    -------
    score : float
        At most 1. For labels, and for scores in [0, 1], it is in [0, 1].

    Raises
    ------
    ValueError
        If X is not all numbers, or has too few rows for so many neighbours.

    See Also
    --------
    consistency_interval : Its interval.
    generalized_entropy_error : Individual fairness without a distance.

    Notes
    -----
    .. math::  1 - \\frac1n \\sum_i
        \\Bigl| y_i - \\frac1k \\sum_{j \\in kNN(i)} y_j \\Bigr|

    For two labels, 0 and 1, that is the mean share of neighbours with the same label,
    which is what is computed for any number of classes. With `include_self` the k
    neighbours are the person and k - 1 others, so that the deviation is (k - 1) / k of
    that from these others.

    People at the same distance as the last neighbour share the places that are left
    equally, so that the order of rows does not matter: the score is the mean over all
    ways to break ties. Copies of a row are neighbours at distance 0.

    References
    ----------
    Zemel, Wu, Swersky, Pitassi, Dwork, "Learning fair representations", ICML 2013,
    PMLR 28, https://proceedings.mlr.press/v28/zemel13.html.

    Dwork, Hardt, Pitassi, Reingold, Zemel, "Fairness through awareness", ITCS 2012.
    :doi:`10.1145/2090236.2090255`

    Examples
    --------
    >>> from fairlearnkit.metrics import consistency_score
    >>> X = [[0], [1], [2], [10], [11], [12]]
    >>> consistency_score(X, [0, 0, 0, 1, 1, 1], n_neighbors=2)
    1.0
    >>> consistency_score(X, [0, 0, 1, 1, 1, 1], n_neighbors=2)
    0.66...
    """
    people = _People(X, y_pred, sample_weight)
    near = _Neighbourhoods(people, n_neighbors, include_self)
    return float(1 - np.average(near.deviations(), weights=people.weight))


def consistency_interval(
    X,
    y_pred,
    *,
    n_neighbors=5,
    include_self=False,
    sample_weight=None,
    confidence_level=0.95,
):
    """Interval of :func:`consistency_score`.

    It tells how far the score may be from the mean score of other samples of as many
    people, not from a limit for ever more people.

    Parameters
    ----------
    X, y_pred, n_neighbors, include_self, sample_weight
        As in :func:`consistency_score`.
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    low, high : float

    Notes
    -----
    One person counts in their own deviation and in those of all whose neighbour they
    are, so that deviations are not independent; an interval that takes them to be is
    too short. With neighbourhoods held fixed the derivative of the score by the weight
    of each person gives the standard error s (the infinitesimal jackknife). Labels get
    Wilson's interval on ``score * (1 - score) / s**2`` people, scores a normal one.

    Simulated coverage of 95 % intervals with k = 5, in 2 and 8 dimensions and at n =
    50, 200 and 1000, for labels and scores that are or are not a function of X: 93 to
    100 %. Intervals that take deviations to be independent covered 73 to 92 %. There is
    no test, since no score but 1 is a natural null hypothesis, and one person who
    differs from a neighbour refutes that.

    References
    ----------
    Efron, "The jackknife, the bootstrap and other resampling plans", SIAM 1982.
    :doi:`10.1137/1.9781611970319`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import consistency_interval
    >>> X = np.arange(60).reshape(-1, 1)
    >>> low, high = consistency_interval(X, [0] * 20 + [1] * 40)
    >>> print(f"{low:.2f} {high:.2f}")
    0.90 0.99
    """
    check_confidence_level(confidence_level)
    people = _People(X, y_pred, sample_weight)
    near = _Neighbourhoods(people, n_neighbors, include_self)
    score = 1 - np.average(near.deviations(), weights=people.weight)
    error = standard_error(near.influences(), people.weight)
    if people.are_labels:
        n = kish_number(people.weight)
        if error > 0:
            n = score * (1 - score) / error**2
        low, high = wilson_interval(score, n, confidence_level)
        return float(low), float(high)
    reach = ndtri(0.5 + confidence_level / 2) * error
    return float(score - reach), float(min(score + reach, 1.0))


class _People:
    """Where people stand, what was decided for them, and their weights.

    Attributes
    ----------
    matrix : ndarray of shape (n_people, n_features)
    values : ndarray of shape (n_people, n_columns)
        One column for each class, 1 for the person's own; or one column of scores.
    are_labels : bool
    weight : ndarray of shape (n_people,)
        Above zero: people without weight are left out.
    """

    def __init__(self, X, y_pred, sample_weight):
        matrix = _numeric_matrix(X)
        codes, labels = factorize(y_pred, "y_pred")
        if len(codes) != len(matrix):
            raise ValueError(
                f"X has {len(matrix)} rows but y_pred has {len(codes)}; pass one value "
                "per row."
            )
        weight = check_weight(sample_weight, len(codes))
        kept = np.ones(len(codes), bool) if weight is None else weight > 0
        self.are_labels = not any(isinstance(label, float) for label in labels)
        if self.are_labels:
            self.values = np.eye(len(labels))[codes[kept]]
        else:
            self.values = np.array(labels, dtype=float)[codes[kept], None]
        self.matrix = matrix[kept]
        self.weight = np.ones(len(codes)) if weight is None else weight[kept]


class _Neighbourhoods:
    """Shares that people have in each other's neighbourhoods, place by place.

    People at the same place have the same neighbours, themselves apart.
    """

    def __init__(self, people, n_neighbors, include_self):
        n = len(people.weight)
        if not isinstance(n_neighbors, Integral) or n_neighbors < 1:
            raise ValueError(f"n_neighbors must be 1 or more, got {n_neighbors!r}.")
        if n_neighbors > n - (not include_self):
            raise ValueError(
                f"n_neighbors={n_neighbors} is too many for {n} rows"
                + ("." if include_self else ", of which one is the person.")
            )
        self.people, self.k, self.include_self = people, n_neighbors, include_self
        points, self.place = np.unique(people.matrix, axis=0, return_inverse=True)
        self.place = self.place.ravel()
        self.points = points - points.mean(axis=0)  # nearer to 0 distances are sharper
        shape = (len(points), n)
        ones = (np.ones(n), (self.place, np.arange(n)))
        self.members = sparse.csr_matrix(ones, shape=shape)
        self._average()

    def deviations(self):
        """How far each person's value is from the mean of the neighbours."""
        scale = 0.5 if self.people.are_labels else 1.0
        return scale * np.abs(self.people.values - self.means).sum(axis=1)

    def influences(self):
        """Influence of each person on the mean deviation."""
        values, weight = self.people.values, self.people.weight
        slope = -values if self.people.are_labels else np.sign(self.means - values)
        pull = weight / self.mass
        sums = self.members @ (pull[:, None] * slope)
        offset = self.members @ (pull * (slope * self.means).sum(axis=1))
        on_others = np.zeros((len(self.points), values.shape[1] + 1))
        both = np.column_stack([sums, offset])
        for rows, share, _ in self._shares():
            on_others += share.T @ both[rows]
        on_others = on_others[self.place]
        through = (values * on_others[:, :-1]).sum(axis=1) - on_others[:, -1]
        through -= self.own * pull * (slope * (values - self.means)).sum(axis=1)
        deviation = self.deviations()
        return deviation - np.average(deviation, weights=weight) + through

    def _average(self):
        """Mean of every person's neighbours, and the weight that it is taken over."""
        values, weight = self.people.values, self.people.weight
        weighted = np.column_stack([values * weight[:, None], weight])
        at_place = self.members @ weighted
        total = np.empty_like(at_place)
        own = np.empty(len(self.points))
        for rows, share, own_share in self._shares():
            total[rows], own[rows] = share @ at_place, own_share
        # What a person without a place of their own counts in their neighbourhood.
        self.own = np.zeros(len(weight)) if self.include_self else own[self.place]
        total = total[self.place] - self.own[:, None] * weighted
        self.mass = total[:, -1]
        self.means = total[:, :-1] / self.mass[:, None]

    def _shares(self):
        """Yield places, the shares in their neighbourhoods, and their own shares.

        The candidates are a few nearest places; where the last of them is as near as
        the last neighbour, more are looked up, since more may be tied.
        """
        finder = NearestNeighbors().fit(self.points)
        n = len(self.points)
        pending = [(np.arange(n), min(self.k + 1, n))]
        while pending:
            rows, size = pending.pop()
            most = max(1, _MOST_PAIRS // size)
            if len(rows) > most:
                pending.append((rows[most:], size))
                rows = rows[:most]
            distance, index = finder.kneighbors(self.points[rows], size)
            share, own, is_open = self._share_places(rows, distance, index)
            if size < n and is_open.any():
                pending.append((rows[is_open], min(4 * size, n)))
                closed = ~is_open
                rows, share, index = rows[closed], share[closed], index[closed]
                own = own[closed]
            ends = np.arange(len(rows) + 1) * size
            entries = (share.ravel(), index.ravel(), ends)
            yield rows, sparse.csr_matrix(entries, shape=(len(rows), n)), own

    def _share_places(self, rows, distance, index):
        """Share of each candidate, own share, and whether more may be tied."""
        is_own = index == rows[:, None]
        distance = np.where(is_own, 0.0, distance)
        count = np.bincount(self.place)[index]
        if not self.include_self:
            count = count - is_own
        last = (np.cumsum(count, axis=1) >= self.k).argmax(axis=1)
        radius = distance[np.arange(len(rows)), last][:, None]
        closer = distance < radius * (1 - _TIE)
        tied = ~closer & (distance <= radius * (1 + _TIE))
        free = self.k - (count * closer).sum(axis=1)
        share = closer + tied * (free / (count * tied).sum(axis=1))[:, None]
        own = (share * is_own).sum(axis=1)
        return share, own, distance[:, -1] <= radius[:, 0] * (1 + _TIE)


def _numeric_matrix(X):
    """X as finite floats; a ValueError names the columns that are none."""
    frame = as_frame(X)
    if sparse.issparse(X):
        raise ValueError("X is sparse; pass a dense array of numbers.")
    if frame is not None:
        names = frame.columns
        columns = [_numeric_column(frame.get_column(name)) for name in names]
    else:
        array = np.asarray(X)
        if array.ndim != 2:
            raise ValueError(f"X must have two axes, got {array.ndim}.")
        names = [f"x{j}" for j in range(array.shape[1])]
        columns = [_numeric_column(column) for column in array.T]
    if not columns:
        raise ValueError("X has no columns.")
    pairs = list(zip(names, columns, strict=True))
    if wrong := [repr(name) for name, column in pairs if column is None]:
        raise ValueError(
            f"X has columns that are not numbers ({shortlist(wrong)}); pass X through "
            "the same preprocessing as the model."
        )
    if lost := [repr(name) for name, c in pairs if not np.isfinite(c).all()]:
        raise ValueError(
            f"X has missing or infinite values in {shortlist(lost)}; pass X through "
            "the same preprocessing as the model, or fill them in."
        )
    return np.column_stack(columns) + 0.0  # no negative zero


def _numeric_column(values):
    """One column as floats, NaN where missing; None if it is not numbers."""
    array = to_numpy(values)
    if array.dtype.kind not in "biufO":
        return None
    if array.dtype == object:
        array = np.array([np.nan if is_missing(v) else v for v in array])
    try:
        return array.astype(float)
    except (TypeError, ValueError):
        return None
