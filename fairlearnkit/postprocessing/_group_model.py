"""Probabilities of each person's group, where the group itself may not be used."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fairlearnkit._mitigator import TrainingData
from fairlearnkit._sklearn import thawed
from fairlearnkit.postprocessing._out_of_fold import (
    fit_out_of_fold,
    probabilities_answer,
    probabilities_of,
)


@dataclass(frozen=True, eq=False)
class GroupModel:
    """A fitted classifier of the group.

    Parameters
    ----------
    estimator : classifier or None
        None if there is one group only.
    labels : ndarray of shape (n_groups,)
        What it calls the groups, in their order.
    """

    estimator: Any
    labels: np.ndarray

    def chances(self, features):
        """Probability of each group for each row.

        Parameters
        ----------
        features : array-like, sparse matrix or data frame
            What the classifier sees.

        Returns
        -------
        chances : ndarray of shape (n_samples, n_groups)
        """
        if self.estimator is None:
            return np.ones((features.shape[0], 1))
        return probabilities_answer(self.labels)(self.estimator, features, None)


class GroupTask:
    """What `fit_out_of_fold` asks of a mitigator, for its model of groups."""

    def __init__(self, mitigator, estimator):
        self.estimator = estimator
        self.cv, self.n_jobs = mitigator.cv, mitigator.n_jobs
        self._features = mitigator._features


def fit_group_model(mitigator, data):
    """Fit the mitigator's `group_estimator` on all rows, and predict out of fold.

    Parameters
    ----------
    mitigator : estimator
        With the parameters `group_estimator` (None for a model like `estimator`), `cv`
        and `n_jobs`.
    data : TrainingData

    Returns
    -------
    model : GroupModel
    chances : ndarray of shape (n_samples, n_groups)
        By models that were not fitted on the row.
    """
    groups, labels = data.groups, np.arange(len(data.groups))
    if len(groups.names) == 1:
        mixed = len({type(label) for label in groups.labels}) > 1
        labels = np.array(groups.labels, dtype=object if mixed else None)
    if len(groups) == 1:
        model = GroupModel(None, labels)
        return model, model.chances(data.X)
    estimator = mitigator.group_estimator
    if estimator is None:
        estimator = thawed(mitigator.estimator)
    task = GroupTask(mitigator, estimator)
    question = TrainingData(data.X, groups.codes, labels, groups, data.weight)
    answers = partial(probabilities_of, labels)
    chances = fit_out_of_fold(task, question, None, {}, answers)
    return GroupModel(task.estimator_, labels), chances
