"""Kitagawa's decomposition of the difference of two rates, with its variance."""

import numpy as np

from fairlearnkit.metrics.conditional._strata import effective


def kitagawa_parts(counts, squares, matched):
    """Parts of the difference of two groups' rates, and their linearised variances.

    Parameters
    ----------
    counts, squares : ndarray of shape (2, n_strata, 2)
        Sums of weights and of squared weights by group, stratum and outcome.
    matched : bool ndarray of shape (n_strata,)
        Strata in which both groups are.

    Returns
    -------
    values, variances : ndarray of shape (3,)
        Of the part that composition explains, of that which rates in the same stratum
        leave over, and of that of people in strata with one group only. NaN for the
        first two if no stratum is matched.
    """
    weight = counts.sum(axis=2)
    rates = np.divide(
        counts[..., 1], weight, out=np.zeros(weight.shape), where=weight > 0
    )
    everybody = counts[..., 1].sum(axis=1) / weight.sum(axis=1)
    if not matched.any():
        values = np.array([np.nan, np.nan, everybody[0] - everybody[1]])
        return values, np.full(3, np.nan)
    inner = np.where(matched, weight, 0.0)
    shares = inner / inner.sum(axis=1, keepdims=True)
    apart = everybody - (shares * rates).sum(axis=1)
    explained = rates.mean(axis=0) @ (shares[0] - shares[1])
    unexplained = shares.mean(axis=0) @ (rates[0] - rates[1])
    values = np.array([explained, unexplained, apart[0] - apart[1]])
    variances = sum(
        _variance(counts[g], squares[g], rates[g], *terms)
        for g, terms in enumerate(_influences(rates, shares, everybody, weight))
    )
    if matched.all():
        values[2] = variances[2] = 0.0
    return values, variances


def _influences(rates, shares, everybody, weight):
    """Yield the influence of the people of each group on the three parts.

    It is ``place[e] + outcome[e] * (y - rate[e])`` for one in stratum e with outcome y,
    up to a sign that all people of the group share.
    """
    middle_rate, middle_share = rates.mean(axis=0), shares.mean(axis=0)
    rate_gap, share_gap = rates[0] - rates[1], shares[0] - shares[1]
    for g in (0, 1):
        inside = shares[g] > 0
        part = weight[g].sum() / weight[g, inside].sum()
        own = np.where(inside, shares[g], 1.0)
        moved = rates[g] - shares[g] @ rates[g]
        sign = 1 - 2 * g
        place = np.stack(
            [
                part * inside * (middle_rate - shares[g] @ middle_rate),
                part * inside * (rate_gap - shares[g] @ rate_gap) / 2,
                rates[g] - everybody[g] - part * inside * moved,
            ]
        )
        outcome = np.stack(
            [
                sign * part * inside * share_gap / (2 * own),
                sign * part * inside * middle_share / own,
                1 - part * inside,
            ]
        )
        yield place, outcome


def _variance(counts, squares, rates, place, outcome):
    """Linearised variance of the parts due to one group.

    Each rate is pulled towards a half by one outcome of either kind: a stratum of few
    people, all alike, is not certain.
    """
    off = np.array([0.0, 1.0]) - rates[:, None]
    influence = place[..., None] + outcome[..., None] * off
    plain = (squares * influence**2).sum(axis=(1, 2))
    n = effective(counts.sum(axis=1), squares.sum(axis=1))
    pulled = (rates * n + 1) / (n + 2)
    more = pulled * (1 - pulled) - rates * (1 - rates)
    plain = plain + (squares.sum(axis=1) * outcome**2 * more).sum(axis=1)
    return plain / counts.sum() ** 2
