"""P(group, label | x): where it comes from, out of fold and at prediction."""

from dataclasses import replace
from functools import partial

import numpy as np

from fairlearnkit._columns import columns_of
from fairlearnkit._factorize import to_numpy
from fairlearnkit._sklearn import is_frozen, thawed
from fairlearnkit._solvers.joint_calibration import JointCalibration, joint_chances
from fairlearnkit.postprocessing._group_model import GroupTask, fit_group_model
from fairlearnkit.postprocessing._out_of_fold import (
    fit_out_of_fold,
    probabilities_answer,
    probabilities_of,
)

_SMALLEST = 1e-6  # a chance that no model has the data to undercut


class JointModel:
    """P(group, label | x), made of P(label | x) and P(group | x, label).

    Parameters
    ----------
    owner : LinearPostClassifier
    by_label : bool
        Whether the group must be modelled together with the label: else P(group | x)
        is enough, because the constraint does not look at labels.
    """

    def __init__(self, owner, by_label):
        self.known = owner.use_groups
        self.by_label = by_label
        self.group_proba = owner.group_proba
        self.estimator = self.frozen = None

    def fit(self, owner, data, label, sensitive_features):
        """Fit the model of groups, and return the joint chances out of fold.

        Parameters
        ----------
        owner : LinearPostClassifier
        data : TrainingData
        label : ndarray of shape (n_samples, n_classes)
            P(label | x), out of fold.
        sensitive_features : array-like or None
            As given to `fit`.

        Returns
        -------
        joint : ndarray of shape (n_samples, n_groups, n_classes)
        """
        self.labels = data.groups.labels
        self.shape = len(self.labels), len(data.classes)
        self.calibration = None
        group = self._fit_group(owner, data, sensitive_features)
        if owner.calibrate and (self.by_label or not self.known):
            weight = data.weight_or_ones / data.weight_or_ones.sum()
            self.calibration = JointCalibration.fit(
                self._calibrated_label(label),
                group,
                (data.groups.codes, data.y * self.by_label),
                weight,
                known_groups=self.known,
            )
        return self._joint(label, group)

    def joint(self, X, features, label, codes, sensitive_features):
        """Joint chances of new rows, of shape (n_samples, n_groups, n_classes).

        Parameters
        ----------
        X : every column
        features : what estimators see
        label : ndarray of shape (n_samples, n_classes)
        codes : ndarray of shape (n_samples,) or None
            Groups of the rows, where they are known; -1 for none, which costs nothing.
        sensitive_features : array-like or None
            As given to `predict`.
        """
        if self.known:
            joint = self._joint(label, self._known(codes))
            return joint * (codes >= 0)[:, None, None]
        if self.group_proba is not None:
            group = self._given(X)
        elif self.frozen is not None:
            group = self.frozen.chances(features)[:, :, None]
        elif self.estimator is None:
            group = np.ones((len(label), 1, 1))
        else:
            group = self._modelled(
                probabilities_answer(self.cells)(
                    self.estimator, features, sensitive_features
                )
            )
        return self._joint(label, group)

    def _calibrated_label(self, label):
        """What is calibrated of labels: nothing, if only P(group | x) matters."""
        return label if self.by_label else np.ones((len(label), 1))

    def _joint(self, label, group):
        if self.calibration is not None:
            joint = self.calibration.joint(
                self._calibrated_label(label), group, known_groups=self.known
            )
            if self.by_label:
                return joint
            group = joint
        return joint_chances(label, group)

    def _fit_group(self, owner, data, sensitive_features):
        if self.known:
            return self._known(data.groups.codes)
        if self.group_proba is not None:
            return self._given(data.X)
        if len(self.labels) == 1:
            return np.ones((len(data.y), 1, 1))
        if is_frozen(owner.group_estimator):
            self.frozen, chances = fit_group_model(owner, data)
            self.estimator = self.frozen.estimator
            return chances[:, :, None]
        codes = data.groups.codes
        if self.by_label:
            codes = codes * self.shape[1] + data.y
        self.cells, codes = np.unique(codes, return_inverse=True)
        chosen = owner.group_estimator
        task = GroupTask(owner, thawed(owner.estimator) if chosen is None else chosen)
        answers = fit_out_of_fold(
            task,
            replace(data, y=codes, classes=self.cells),
            sensitive_features,
            {},
            partial(probabilities_of, self.cells),
        )
        self.estimator = task.estimator_
        return self._modelled(answers)

    def _modelled(self, answers):
        """P(group | x, label), or P(group | x), from probabilities of the cells."""
        size = self.shape if self.by_label else (self.shape[0], 1)
        joint = np.zeros((len(answers), size[0] * size[1]))
        joint[:, self.cells] = np.maximum(answers, _SMALLEST)
        joint = joint.reshape(-1, *size)
        total = joint.sum(axis=1, keepdims=True)
        even = np.full(joint.shape, 1 / size[0])
        return np.divide(joint, total, out=even, where=total > 0)

    def _known(self, codes):
        return np.eye(self.shape[0])[codes][:, :, None]

    def _given(self, X):
        """P(group | x) by the user's columns or callable, checked."""
        found = _read(self.group_proba, self.labels, X)
        wanted = X.shape[0], self.shape[0]
        if found.shape != wanted:
            raise ValueError(
                f"group_proba must give one probability a row for each of the groups "
                f"{list(self.labels)}, shape {wanted}; got shape {found.shape}."
            )
        total = found.sum(axis=1, keepdims=True)
        if not (np.isfinite(found).all() and (found >= 0).all()):
            raise ValueError(
                "group_proba must hold probabilities, but some are negative, missing "
                "or infinite."
            )
        if (abs(total - 1) > 0.01).any():
            raise ValueError(
                "group_proba must sum to 1 over the groups, but some row sums to "
                f"{total[abs(total - 1).argmax(), 0]:.3g}."
            )
        return (found / total)[:, :, None]


def looks_at_labels(coefficients):
    """Whether some rate counts a decision differently by the true label."""
    counted = np.nan_to_num(coefficients)
    return bool((counted != counted[:, :, :1]).any())


def _read(group_proba, labels, X):
    if callable(group_proba):
        return np.asarray(group_proba(X), dtype=float)
    columns = group_proba
    if isinstance(columns, dict):
        if missing := [label for label in labels if label not in columns]:
            raise ValueError(
                f"group_proba names no column for the groups {missing}; it has "
                f"{list(columns)}."
            )
        columns = [columns[label] for label in labels]
    found = [to_numpy(values) for _, values in columns_of(X, list(columns))]
    try:
        return np.column_stack(found).astype(float)
    except (TypeError, ValueError):
        raise ValueError(
            f"group_proba names columns without numbers: {list(columns)}."
        ) from None
