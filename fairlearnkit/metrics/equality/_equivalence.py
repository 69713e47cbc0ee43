"""The test that a gap is small: what "no significant difference" does not show."""

import numpy as np
from scipy.optimize import brentq

from fairlearnkit.metrics._intervals import newcombe_interval, ratio_interval

_LEAST, _MOST = 1e-12, 0.5 - 1e-9  # p-values that are looked for


def equivalence_p_value(estimates, margin, compare="difference"):
    """Test that no two groups lie further apart than a margin.

    A test of equality that does not reject shows nothing: the data may be too few to
    see a gap. This test has the burden of proof the other way round. Its null
    hypothesis is a gap of at least `margin`, and a small p-value shows that the groups
    are close to each other.

    Parameters
    ----------
    estimates : GroupEstimates or sequence of GroupEstimates
        As :func:`rate_by_group` gives them; of several metrics, all must be close.
    margin : float
        Gap that would matter: positive, and below 1 if it is a ratio.
    compare : {"difference", "ratio"}, default="difference"
        Whether a gap is ``max - min`` or ``1 - min / max``.

    Returns
    -------
    p_value : float
        NaN if no metric is defined for two groups.

    Raises
    ------
    ValueError
        If `margin` or `compare` is out of range.

    Notes
    -----
    Two one-sided tests of every pair of groups; the largest p-value is that of the gap,
    without correction, since each of them must reject (Berger's intersection-union
    test). So the p-value is below :math:`\\alpha` if the :math:`1 - 2 \\alpha` interval
    of every difference, Newcombe's for shares, lies within the margin. It holds its
    level for any number of groups, and gets conservative as they grow many.

    References
    ----------
    Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach for assessing the equivalence of average bioavailability", Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987. :doi:`10.1007/BF01068419`

    Berger, Hsu, "Bioequivalence trials, intersection-union tests and equivalence
    confidence sets", Statistical Science 11, 1996. :doi:`10.1214/ss/1032280304`

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.metrics import Shares, equivalence_p_value
    >>> few, many = (
    ...     Shares(name="selection_rate", groups=("a", "b"),
    ...            values=np.array([0.5, 0.5]), n=np.array([n, n]))
    ...     for n in (20, 500)
    ... )
    >>> print(f"{equivalence_p_value(few, 0.1):.2f}")
    0.26
    >>> print(f"{equivalence_p_value(many, 0.1):.4f}")
    0.0007
    """
    if compare not in ("difference", "ratio"):
        raise ValueError(f"compare must be 'difference' or 'ratio', got {compare!r}.")
    if not 0 < margin < (1 if compare == "ratio" else np.inf):
        also = ", and below 1 for a ratio" if compare == "ratio" else ""
        raise ValueError(f"margin must be positive{also}; got {margin}.")
    single = not isinstance(estimates, (list, tuple))
    found = [
        _p_value(each.take(np.flatnonzero(~np.isnan(each.values))), margin, compare)
        for each in ([estimates] if single else estimates)
    ]
    return float(np.nanmax(found)) if not np.isnan(found).all() else np.nan


def _p_value(estimates, margin, compare):
    if len(estimates.groups) < 2:
        return np.nan
    apart = ~np.eye(len(estimates.groups), dtype=bool)

    def excess(alpha, side):
        """One end of the largest gap's one-sided interval, beyond the margin."""
        low, high = estimates.interval(1 - 2 * alpha)
        parts = estimates.values, low, high
        pair = [part[:, None] for part in parts], parts
        if compare == "difference":
            ends = newcombe_interval(*pair)
        else:  # 1 - ratio falls where the ratio rises
            low, high = ratio_interval(*pair)
            ends = np.nan_to_num(1 - high, nan=-np.inf), np.nan_to_num(1 - low, nan=1)
        return float(np.max(ends[side][apart]) - margin)

    side = 1 if excess(_MOST, 1) < 0 else 0
    sign = 1 if side == 1 else -1
    if sign * excess(_MOST, side) >= 0:  # just at the margin
        p_value = 0.5
    elif sign * excess(_LEAST, side) <= 0:
        p_value = _LEAST
    else:
        p_value = brentq(excess, _LEAST, _MOST, args=(side,), xtol=1e-12)
    return p_value if side == 1 else 1 - p_value
