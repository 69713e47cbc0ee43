"""The best candidate of a search among those within a tolerance of unfairness."""

from dataclasses import dataclass
from warnings import warn

import numpy as np
from scipy.special import stdtrit

from fairlearnkit.exceptions import FairnessWarning

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class ConstrainedRefit:
    """Choose the best candidate of a search whose violation is within a tolerance.

    A callable for ``refit=`` of ``GridSearchCV``, ``RandomizedSearchCV`` and the like
    with several scorers: among the candidates whose violation, over the folds, is
    within the tolerance, the one of the best mean objective (of several, the one of
    the smaller violation).

    The violation that it judges is that of the folds' models on held-out people. A
    chosen minimum is optimistic: of many candidates, the one that looks fair enough is
    so partly by luck. Measure the refitted model on data that took no part in the
    search, or ask for more certainty with ``use="upper"``.

    Parameters
    ----------
    objective : str
        Key of the objective in the search's `scoring`; greater is better.
    constraint : str
        Key of a :func:`fairness_scorer` in the search's `scoring`.
    tolerance : float, non-negative
        Largest violation that is accepted: of a ratio the distance from 1, so 0.2 for
        the four-fifths rule.
    use : {"mean", "upper"}, default="mean"
        Which violation must be within the tolerance: the mean over folds, or an upper
        confidence bound of it.
    confidence_level : float in (0, 1), default=0.95
        One-sided level of the upper bound.
    test_share : float in (0, 1), default=None
        Share of the rows in each test fold, for the upper bound. By default 1 / number
        of splits, as in k-fold; give it for repeated or shuffled splits.
    scale : {"violation", "ratio"}, default="violation"
        What the constraint's column holds: negated violations, as of constraints and
        of metrics called ``*_difference``, or ratios, 1 at parity. The columns do not
        tell: 0 is the best of the former and the worst of the latter.
    infeasible : {"least_violation", "error"}, default="least_violation"
        What to do if no candidate is within the tolerance: choose the one of the
        smallest violation, with a warning, or raise.

    Raises
    ------
    ValueError
        If a parameter is out of range. When called: if a key is no column of the
        results; if no candidate has both an objective and a violation, or none is
        within the tolerance and ``infeasible="error"``; if violations are positive
        scores, or ratios negative ones.

    Warns
    -----
    FairnessWarning
        If no candidate is within the tolerance, or the violation of some candidate is
        undefined in some folds. Those folds are left out of its violation; a candidate
        without an objective, or with fewer defined folds than its violation takes (one;
        two for the upper bound), is left out.

    See Also
    --------
    fairness_scorer : Scorers of violations and ratios.
    constrained_scorer : For searches that take one scorer only.

    Notes
    -----
    Of the violations :math:`v_1, \\dots, v_k` of :math:`k` folds with mean
    :math:`\\bar v` and standard deviation :math:`s`, the upper bound is

    .. math:: \\bar v + t_{k-1,\\,1-\\alpha}\\; s
              \\sqrt{\\frac1k + \\frac{\\tau}{1 - \\tau}}

    with :math:`\\tau` the share of a test fold: Nadeau's and Bengio's correction of the
    t interval, in which the second term stands for the training sets that folds share.
    It bounds the expected violation of a model of this kind on a fold of that size,
    which for a gap between groups exceeds that on many people: a gap of noisy rates is
    positive even at parity. So small folds make the choice strict. In simulations of
    300 to 1000 people in 5 or 10 folds a nominal 95% bound held in 94 to 97% of
    samples, and that without the second term in 87 to 93%.

    ``search.score`` works after a fit: scikit-learn looks its scorer up by `refit`, so
    this object equals, and hashes as, the name of its objective. ``best_score_`` is not
    there, as with any callable; read ``cv_results_`` at ``best_index_``.

    References
    ----------
    Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    :doi:`10.1023/A:1024068626366`

    Examples
    --------
    How strongly should a reduction enforce parity, if the gap on held-out people may
    be 0.15?

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from fairlearnkit import ReductionClassifier
    >>> from fairlearnkit.datasets import make_biased_classification
    >>> from fairlearnkit.model_selection import ConstrainedRefit, fairness_scorer
    >>> X, y = make_biased_classification(
    ...     600, base_rates=(0.6, 0.3), class_sep=2, random_state=0, as_frame=False,
    ...     return_X_y=True,
    ... )
    >>> X[:, 4] = X[:, 4] == "g1"  # the group
    >>> gap = fairness_scorer("demographic_parity", sensitive_features=4)
    >>> search = GridSearchCV(
    ...     ReductionClassifier(LogisticRegression(), sensitive_features=4),
    ...     {"tolerance": [0.0, 0.1, 0.2, 0.3]},
    ...     scoring={"accuracy": "accuracy", "gap": gap},
    ...     refit=ConstrainedRefit("accuracy", "gap", tolerance=0.15),
    ...     cv=3,
    ... ).fit(X, y)
    >>> print(search.cv_results_["mean_test_gap"].round(2))
    [-0.08 -0.09 -0.2  -0.31]
    >>> search.best_params_
    {'tolerance': 0.1}
    >>> print(f"{search.score(X, y):.2f}")
    0.85
    """

    objective: str
    constraint: str
    tolerance: float
    use: str = "mean"
    confidence_level: float = 0.95
    test_share: float | None = None
    scale: str = "violation"
    infeasible: str = "least_violation"

    def __post_init__(self):
        choices = {
            "use": ("mean", "upper"),
            "scale": ("violation", "ratio"),
            "infeasible": ("least_violation", "error"),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {list(known)}, got {getattr(self, name)!r}."
                )
        if not 0 <= self.tolerance < np.inf:
            raise ValueError(f"tolerance must be 0 or more, got {self.tolerance!r}.")
        for name in ("confidence_level", "test_share"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {value!r}.")

    def __eq__(self, other):
        if isinstance(other, str):
            return self.objective == other
        if isinstance(other, ConstrainedRefit):
            return vars(self) == vars(other)
        return NotImplemented

    def __hash__(self):
        return hash(self.objective)

    def __call__(self, cv_results):
        """Choose a candidate.

        Parameters
        ----------
        cv_results : dict of str to array
            ``cv_results_`` of a search with several scorers.

        Returns
        -------
        best_index : int
        """
        objective = _folds(cv_results, self.objective).mean(axis=1)
        violation = self._violation(_folds(cv_results, self.constraint))
        known = ~np.isnan(objective) & ~np.isnan(violation)
        if not known.any():
            raise ValueError(
                f"no candidate has both a defined {self.objective!r} and a defined "
                f"{self.constraint!r}; see the warnings of the search."
            )
        feasible = known & (violation <= self.tolerance + _ROUNDING)
        if not feasible.any():
            return self._least(violation, known)
        order = np.lexsort((violation, -objective, ~feasible))
        return int(order[0])

    def _violation(self, scores):
        """Mean violation of each candidate, or its upper bound; nan if unknown."""
        self._check_scale(scores)
        folds = 1 - scores if self.scale == "ratio" else -scores
        defined = ~np.isnan(folds)
        counts = defined.sum(axis=1)
        if not defined.all():
            warn(
                f"{self.constraint!r} is undefined in some folds for "
                f"{int((~defined.all(axis=1)).sum())} of {len(folds)} candidates; the "
                "violation of these is over the other folds.",
                FairnessWarning,
                stacklevel=3,
            )
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(defined, folds, 0).sum(axis=1) / counts
            if self.use == "mean":
                return mean
            squares = np.where(defined, (folds - mean[:, None]) ** 2, 0).sum(axis=1)
            spread = np.sqrt(squares / (counts - 1))
        share = 1 / folds.shape[1] if self.test_share is None else self.test_share
        quantile = stdtrit(np.maximum(counts - 1, 1), self.confidence_level)
        return mean + quantile * spread * np.sqrt(1 / counts + share / (1 - share))

    def _check_scale(self, scores):
        strange = scores < 0 if self.scale == "ratio" else scores > 0
        if not strange.any():
            return
        value = scores[strange][0]
        if self.scale == "ratio":
            raise ValueError(
                f"{self.constraint!r} holds {value:.4g}, which is no ratio; leave out "
                "scale='ratio' if it holds negated violations."
            )
        raise ValueError(
            f"{self.constraint!r} holds {value:.4g}, which is no negated violation; "
            "say scale='ratio' if it is a ratio, or greater_is_better=False in its "
            "scorer if it is a difference."
        )

    def _least(self, violation, known):
        """Choose the smallest violation where none is within the tolerance."""
        least = int(np.argmin(np.where(known, violation, np.inf)))
        which = "mean violation" if self.use == "mean" else "upper bound"
        message = (
            f"no candidate keeps {self.constraint!r} within {self.tolerance:g}; the "
            f"smallest {which} is {violation[least]:.4g}"
        )
        if self.infeasible == "error":
            raise ValueError(f"{message}.")
        warn(f"{message}, which is taken.", FairnessWarning, stacklevel=4)
        return least


def _folds(results, key):
    """Scores of every candidate and fold, of shape (n_candidates, n_splits)."""
    columns = []
    while (name := f"split{len(columns)}_test_{key}") in results:
        columns.append(results[name])
    if not columns:
        start = "mean_test_"
        known = [n.removeprefix(start) for n in results if n.startswith(start)]
        raise ValueError(
            f"the search has no scorer {key!r}; its scorers are {known}. Name them in "
            "scoring={...}."
        )
    return np.column_stack(columns)
