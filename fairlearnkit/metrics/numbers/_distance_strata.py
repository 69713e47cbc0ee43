"""People whose predictions are compared: all, or those of each true label."""

from dataclasses import dataclass
from warnings import warn

import numpy as np

from fairlearnkit._columns import as_column
from fairlearnkit._factorize import factorize
from fairlearnkit._vocabulary import check_class_labels, check_lengths
from fairlearnkit.exceptions import FairnessWarning, shortlist
from fairlearnkit.metrics.numbers._distribution_gaps import Draw, Gaps


@dataclass(frozen=True)
class Stratum:
    """People who are compared with each other, and their groups.

    Parameters
    ----------
    label : object
        True label that they share; None if nobody asked.
    draw : Draw
    groups : tuple
        Labels of the groups compared.
    """

    label: object
    draw: Draw
    groups: tuple


def strata_of(scores, groups, weight, y_true):
    """Split people by true label; leave out who can't be compared, with a warning.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    groups : Groups
    weight : ndarray of shape (n_samples,) or None
    y_true : array-like of shape (n_samples,) or None
        Everybody is in one stratum if it is None.

    Returns
    -------
    strata : list of Stratum
        Of two groups at least.
    """
    rows = np.arange(len(scores)) if weight is None else np.flatnonzero(weight)
    codes, labels = np.zeros(len(scores), np.intp), [None]
    if y_true is not None:
        codes, labels = factorize(as_column(y_true, "y_true"), "y_true")
        check_lengths(len(scores), y_true=codes)
        check_class_labels("y_true", labels)
    strata = []
    for code, label in enumerate(labels):
        inside = rows[codes[rows] == code]
        own = groups.take(inside)
        w = None if weight is None else weight[inside]
        total, square = (
            np.bincount(own.codes, power, len(own))
            for power in ((None, None) if w is None else (w, w**2))
        )
        few = total**2 / square < 1 + 1e-9
        where = "" if label is None else f" at y_true={label!r}"
        if few.any():
            _warn_single(own, few, where)
        kept = ~few[own.codes]
        own, inside = own.take(kept), inside[kept]
        if len(own) < 2:
            _warn_alone(own, where)
            continue
        w = None if weight is None else weight[inside]
        draw = Draw(scores[inside], own.codes, w, len(own))
        strata.append(Stratum(label, draw, own.labels))
    return strata


def _warn_single(groups, few, where):
    named = [f"({groups.describe(code)})" for code in np.flatnonzero(few)]
    warn(
        f"the groups {shortlist(named)} have one person only{where} and are left out.",
        FairnessWarning,
        stacklevel=4,
    )


def _warn_alone(groups, where):
    there = f"one group only, {groups.describe(0)}" if len(groups) else "no group"
    warn(
        f"there is {there}{where}, so that nobody can be compared.",
        FairnessWarning,
        stacklevel=4,
    )


def permuted_distances(strata, distance, compare, n_permutations, rng):
    """Largest distances in units of their scale, after permuting the groups.

    Parameters
    ----------
    strata : list of Stratum
    distance : {"ks", "wasserstein"}
    compare : {"between_groups", "to_overall"}
    n_permutations : int
    rng : Generator

    Returns
    -------
    largest : ndarray of shape (n_permutations,)
    """
    largest = np.zeros(n_permutations)
    for k in range(n_permutations):
        for stratum in strata:
            spread = stratum.draw.spread(rng.permutation(stratum.draw.codes))
            largest[k] = max(largest[k], Gaps(spread, distance, compare).largest)
    return largest
