"""The leaves of a fitted decision tree."""

import numpy as np
from sklearn.pipeline import Pipeline

from fairlearnkit._sklearn import thawed


def leaves_of(model, X):
    """Leaf of each row, by the tree inside a frozen one, a Pipeline or a search.

    Raises
    ------
    ValueError
        If it is no single tree.
    """
    model = thawed(model)
    if isinstance(model, Pipeline):
        inner = model[:-1].transform(X) if len(model) > 1 else X
        return leaves_of(model[-1], inner)
    if hasattr(model, "best_estimator_"):
        return leaves_of(model.best_estimator_, X)
    leaf = np.asarray(model.apply(X)) if hasattr(model, "apply") else None
    if leaf is None or leaf.ndim != 1:
        raise ValueError(
            f"{type(model).__name__} is no single tree, whose leaves could be "
            "relabelled; use a DecisionTreeClassifier, or a post-processing method "
            "for other models."
        )
    return leaf
