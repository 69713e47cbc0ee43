"""P(label | x) and P(group, label | x), from two fits of one estimator."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlearnkit._sklearn import call_method, fit_clone, take_rows


@dataclass(frozen=True, eq=False)
class JointChances:
    """P(label | x) of one model, split among the groups by another.

    Parameters
    ----------
    estimator : classifier
        Of the labels.
    joint_estimator : classifier or None
        Of the pairs of a group and a label, numbered; None if there is one group.
    shape : tuple of (n_groups, n_classes)
    shares : ndarray of shape (n_groups, n_classes)
        Share of each group in each label, where the second model says nothing.
    """

    estimator: Any
    joint_estimator: Any
    shape: tuple
    shares: np.ndarray

    def __call__(self, X, sensitive_features):
        """P(label | x) and P(group, label | x) of each row."""
        label = np.asarray(
            call_method(self.estimator, "predict_proba", X, sensitive_features)
        )
        if self.joint_estimator is None:
            return label, label[:, None, :]
        found = np.zeros((len(label), np.prod(self.shape)))
        pairs = self.joint_estimator.classes_
        found[:, pairs] = call_method(
            self.joint_estimator, "predict_proba", X, sensitive_features
        )
        found = found.reshape(-1, *self.shape)
        total = found.sum(axis=1, keepdims=True)
        split = np.where(total > 0, found / np.where(total > 0, total, 1), self.shares)
        return label, split * label[:, None, :]


def fit_chances(mitigator, data, sensitive_features, fit_params):
    """Fit clones of a mitigator's estimator for labels, and for groups with labels.

    Parameters
    ----------
    mitigator : MitigatorMixin
    data : TrainingData
    sensitive_features : array-like or None
        For nested mitigators that ask for it.
    fit_params : dict
        Passed on to the fit for labels.

    Returns
    -------
    chances : JointChances
    """
    features = mitigator._features(data.X)
    model = fit_clone(
        mitigator.estimator,
        features,
        data.labels,
        sample_weight=data.weight,
        sensitive_features=sensitive_features,
        **fit_params,
    )
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{type(mitigator.estimator).__name__} has no predict_proba; "
            f"{type(mitigator).__name__} needs probabilities."
        )
    shape, joint = data.totals.shape, None
    if shape[0] > 1:
        kept = None if data.weight is None else np.flatnonzero(data.weight > 0)
        pairs = data.groups.codes * shape[1] + data.y
        joint = fit_clone(
            mitigator.estimator,
            take_rows(features, kept),
            take_rows(pairs, kept),
            sample_weight=take_rows(data.weight, kept),
            sensitive_features=take_rows(sensitive_features, kept),
        )
    total = data.totals.sum(axis=0)
    shares = data.totals / np.where(total > 0, total, 1)
    return JointChances(model, joint, shape, shares)
