"""Every trade-off of a reduction, from one pool of trained classifiers."""

from dataclasses import dataclass

import numpy as np

from fairlearnkit._extras import require


@dataclass(frozen=True, eq=False)
class ReductionFrontier:
    """The best mixtures at many tolerances, of one pool of classifiers.

    Parameters
    ----------
    tolerances : ndarray of shape (n_tolerances,)
        Bounds that were asked for, in the order given.
    objectives : ndarray of shape (n_tolerances,)
        Expected objective, such as the accuracy.
    errors : ndarray of shape (n_tolerances,)
        Expected share of wrong decisions.
    violations : ndarray of shape (n_tolerances,)
        Expected violation; of several constraints, the largest.
    gaps : ndarray of shape (n_tolerances,)
        The best objective that the estimator can reach is at most this much higher.
    models : list of ReductionClassifier
        Fitted, one a tolerance; their members are shared.
    n_iter : int
        Number of times that the estimator was asked, for all tolerances together.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import ReductionClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = rng.integers(0, 2, 1000)
    >>> X = np.column_stack([rng.normal(size=1000) + group, group])
    >>> y = X[:, 0] + rng.normal(size=1000) > 0.5
    >>> model = ReductionClassifier(LogisticRegression(), sensitive_features=1)
    >>> frontier = model.frontier(X, y, [0.0, 0.1, 1.0])
    >>> bool((np.diff(frontier.errors) <= 1e-9).all())
    True
    """

    tolerances: np.ndarray
    objectives: np.ndarray
    errors: np.ndarray
    violations: np.ndarray
    gaps: np.ndarray
    models: list
    n_iter: int

    @classmethod
    def of(cls, models, n_iter):
        """Collect fitted models."""
        names = ("tolerance", "objective_", "error_", "violation_", "gap_")
        columns = (np.array([getattr(m, n) for m in models], float) for n in names)
        return cls(*columns, models, n_iter)

    def to_frame(self):
        """A row for each tolerance.

        Returns
        -------
        frame : pandas.DataFrame
            Columns objective, error, violation, gap and n_members; the index is the
            tolerance.
        """
        pandas = require("pandas", extra="pandas", user="ReductionFrontier.to_frame")
        columns = {
            "objective": self.objectives,
            "error": self.errors,
            "violation": self.violations,
            "gap": self.gaps,
            "n_members": [len(model.weights_) for model in self.models],
        }
        index = pandas.Index(self.tolerances, name="tolerance")
        return pandas.DataFrame(columns, index=index)


def check_tolerances(tolerances):
    """Raise a ValueError unless these are a list of numbers in [0, 1]."""
    found = np.asarray(tolerances, dtype=float)
    inside = (found >= 0) & (found <= 1)
    if found.ndim != 1 or not len(found) or not inside.all():
        raise ValueError(
            f"tolerances must be a list of numbers in [0, 1], got {tolerances!r}."
        )
    return found.tolist()
