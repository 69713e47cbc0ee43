"""Estimates of many small groups, steadied by what the other groups show."""

from dataclasses import dataclass
from warnings import warn

import numpy as np
from scipy.special import expit, logit

from fairlearnkit._extras import require
from fairlearnkit._frames import label_index
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics._estimates import Shares
from fairlearnkit.metrics._interval_estimate import check_confidence_level
from fairlearnkit.metrics._shrinkage_laws import BetaBinomial, NormalNormal

_ONE_SIGMA = 0.6826894921370859  # probability within one standard deviation
_SCALES = {"log": (np.log, np.exp), "logit": (logit, expit)}


@dataclass(frozen=True, eq=False)
class ShrunkenEstimates:
    """A metric of every group, shrunk towards what the other groups suggest.

    Parameters
    ----------
    name : str
        Name of the metric.
    groups : tuple of n_groups labels
    names : tuple of str
        Names of the sensitive columns.
    raw : ndarray of shape (n_groups,)
        The group's own estimate; NaN where undefined, as then is all else.
    n : ndarray of shape (n_groups,)
        People behind it; Kish's effective number if weighted.
    values : ndarray of shape (n_groups,)
        Posterior means: between `raw` and `prior_values`.
    low, high : ndarray of shape (n_groups,)
        Credible interval of each group, one at a time.
    shrinkage : ndarray of shape (n_groups,)
        Share of the prior in `values`, from 0 (own data alone) to 1.
    prior_values : ndarray of shape (n_groups,)
        What is expected of the group before its own data are looked at.
    between : float
        Standard deviation of true values around prior values: how much groups differ,
        the noise of small numbers taken out. On the metric's own scale, save for means
        that are normal on another one (``Means.scale``).
    prior : {"overall", "main_effects"}
    uncertainty : {"integrated", "plug_in"}
    confidence_level : float
    """

    name: str
    groups: tuple
    names: tuple
    raw: np.ndarray
    n: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shrinkage: np.ndarray
    prior_values: np.ndarray
    between: float
    prior: str
    uncertainty: str
    confidence_level: float

    def to_frame(self):
        """Tabulate every group, as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Index: the groups; columns: value, low, high, raw, n, shrinkage,
            prior_value.
        """
        user = "ShrunkenEstimates.to_frame"
        pandas = require("pandas", extra="pandas", user=user)
        columns = {
            "value": self.values,
            "low": self.low,
            "high": self.high,
            "raw": self.raw,
            "n": self.n,
            "shrinkage": self.shrinkage,
            "prior_value": self.prior_values,
        }
        return pandas.DataFrame(
            columns, index=label_index(self.groups, self.names, user)
        )


def shrink(
    estimates, *, prior="overall", uncertainty="integrated", confidence_level=0.95
):
    """Shrink the estimates of small groups towards what the other groups suggest.

    The rate of a group of ten people is mostly noise. Over many groups the error is
    smaller if every estimate is moved towards a common value, the more the fewer
    people are behind it; how far is learnt from the groups themselves. A group that is
    truly an exception is moved too: shrinkage lowers the error of all groups taken
    together, not of each, and hides a small group that is treated differently until it
    has the numbers to show it. Use it to estimate and to rank, and
    :func:`equality_test` to test.

    Parameters
    ----------
    estimates : GroupEstimates
        Of two groups or more, as :func:`rate_by_group` gives them.
    prior : {"overall", "main_effects"}, default="overall"
        What groups resemble: all groups together, or what their sensitive columns
        add up to: sex plus race plus age, without interactions, on the logit scale for
        shares. Shrinking to main effects needs intersections of two columns or more,
        and tells what an intersection adds to its parts.
    uncertainty : {"integrated", "plug_in"}, default="integrated"
        "integrated": the strength of the resemblance and the prior values are averaged
        over, as they are not known. "plug_in": the most likely ones are taken for the
        truth, as in textbook empirical Bayes; the intervals are then too short.
    confidence_level : float in (0, 1), default=0.95
        Of the credible intervals.

    Returns
    -------
    shrunken : ShrunkenEstimates

    Raises
    ------
    ValueError
        If there are too few groups for the prior, or an argument is out of range.

    Warns
    -----
    FairnessWarning
        If a group has no estimate, or no standard error; it is left out.

    See Also
    --------
    rate_by_group : The estimates of rates.

    Notes
    -----
    Shares of people: with :math:`k_g` of :math:`n_g` people who count,

    .. math:: k_g \\sim \\mathrm{Bin}(n_g, \\theta_g), \\qquad
              \\theta_g \\sim \\mathrm{Beta}(M \\mu_g, M (1 - \\mu_g)),

    so that given prior value :math:`\\mu_g` and strength :math:`M`, in people, the
    estimate is :math:`(k_g + M \\mu_g) / (n_g + M)` and the shrinkage
    :math:`M / (n_g + M)`. Any other metric is taken to be normal with its standard
    error, around true values that are normal as well; the shrinkage is then
    :math:`s_g^2 / (s_g^2 + \\tau^2)`.

    "plug_in" maximises the likelihood of :math:`M` and :math:`\\mu`, or for other
    metrics the restricted likelihood of :math:`\\tau^2` (REML). "integrated" gives the
    shrinkage of a group of median size (or median variance) a uniform prior from 0 to 1
    and integrates over it, and over the prior values by Laplace's method. One person,
    half of whom counts, is spread over all groups to keep prior shares off 0 and 1.

    Measured for shares of 10 to 60 people by group around 0.3 (400 samples or more),
    against the mean squared error of the raw shares, and the share of groups whose true
    value lay in its interval of nominal 0.95:

    ======  =============  =====  ===========  ========
    groups  true spread    error  integrated   plug_in
    ======  =============  =====  ===========  ========
    5       0.10           0.66   0.93         0.61
    40      0.10           0.56   0.94         0.93
    5       0.02           0.30   0.98         0.26
    40      0.02           0.09   0.99         0.51
    ======  =============  =====  ===========  ========

    With few groups the strength is hardly known, and its uniform prior matters.

    References
    ----------
    Morris, "Parametric empirical Bayes inference: theory and applications", JASA 78,
    1983. :doi:`10.1080/01621459.1983.10477920`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import Shares, shrink
    >>> shares = Shares(
    ...     name="selection_rate", groups=tuple("abcde"),
    ...     values=np.array([0.0, 0.30, 0.35, 0.28, 0.75]),
    ...     n=np.array([4, 200, 180, 220, 8]),
    ... )
    >>> found = shrink(shares)
    >>> print(found.values.round(2), found.shrinkage.round(2))
    [0.31 0.31 0.33 0.3  0.35] [0.96 0.53 0.55 0.52 0.93]
    >>> print(found.low.round(2), found.high.round(2))
    [0.18 0.26 0.28 0.25 0.26] [0.41 0.36 0.4  0.35 0.56]
    """
    check_confidence_level(confidence_level)
    if uncertainty not in ("integrated", "plug_in"):
        raise ValueError(
            f"uncertainty must be 'integrated' or 'plug_in', got {uncertainty!r}."
        )
    forward, back = _scale(estimates)
    errors = _errors(estimates, forward)
    known = _known(estimates, errors)
    own = estimates.take(known)
    basis = _basis(own, prior)
    if isinstance(estimates, Shares):
        law = BetaBinomial(own.values * own.n, own.n.astype(float), basis)
    else:
        law = NormalNormal(forward(own.values), errors[known], basis)
    found = law.posterior(uncertainty == "integrated", confidence_level)
    for name in ("values", "low", "high", "prior_values"):
        found[name] = back(found[name])
    return ShrunkenEstimates(
        name=estimates.name,
        groups=estimates.groups,
        names=estimates.names,
        raw=estimates.values,
        n=estimates.n,
        prior=prior,
        uncertainty=uncertainty,
        confidence_level=confidence_level,
        **{name: _spread(part, known, estimates) for name, part in found.items()},
    )


def _same(values):
    return values


def _scale(estimates):
    """Where estimates are normal: a transform and its inverse."""
    forward, back = _SCALES.get(getattr(estimates, "scale", None), (_same, _same))
    with np.errstate(divide="ignore"):
        moved = forward(estimates.values)
    return (_same, _same) if np.isinf(moved).any() else (forward, back)


def _errors(estimates, forward):
    """Standard errors on the scale: half of an interval of one of them either way."""
    if isinstance(estimates, Shares):
        return np.ones(len(estimates.groups))
    low, high = estimates.interval(_ONE_SIGMA)
    return (forward(high) - forward(low)) / 2


def _known(estimates, errors):
    """Groups that can be shrunk; the others are named."""
    usable = ~np.isnan(estimates.values) & np.isfinite(errors)
    if not usable.all():
        lost = [
            repr(g) for g, ok in zip(estimates.groups, usable, strict=True) if not ok
        ]
        warn(
            f"{estimates.name} has no estimate, or no standard error, for "
            f"{', '.join(estimates.names)} in [{shortlist(lost)}]; these groups are "
            "left out.",
            FairnessWarning,
            stacklevel=3,
        )
    if not (errors[usable] > 0).all():
        raise ValueError(
            f"{estimates.name} has a standard error of 0 in some group, so there is no "
            "noise to take out."
        )
    return np.flatnonzero(usable)


def _basis(estimates, prior):
    """Orthonormal columns in which prior values are linear."""
    n_groups = len(estimates.groups)
    columns = [np.ones(n_groups)]
    if prior == "main_effects":
        if len(estimates.names) < 2:
            raise ValueError(
                "prior='main_effects' needs intersections of two sensitive columns or "
                f"more, got {', '.join(estimates.names)}; use prior='overall'."
            )
        for levels in zip(*estimates.groups, strict=True):
            columns += [
                np.array([level == each for level in levels], dtype=float)
                for each in dict.fromkeys(levels)
            ]
    elif prior != "overall":
        raise ValueError(f"prior must be 'overall' or 'main_effects', got {prior!r}.")
    left, sizes, _ = np.linalg.svd(np.stack(columns, axis=1), full_matrices=False)
    basis = left[:, sizes > 1e-9 * sizes[0]]
    if basis.shape[1] >= n_groups:
        raise ValueError(
            f"prior={prior!r} has {basis.shape[1]} numbers to learn from {n_groups} "
            "groups with estimates; it takes more groups than that."
        )
    return basis


def _spread(part, known, estimates):
    """Put results of the groups that are known among all groups."""
    if np.ndim(part) == 0:
        return part
    whole = np.full(len(estimates.groups), np.nan)
    whole[known] = part
    return whole
