"""The learner behind a reduction: costs in, a fitted model's tables of counts out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from fairlearnkit._sklearn import (
    call_method,
    fit_clone,
    positive_score,
    require_weights,
    response_method_of,
    take_rows,
)
from fairlearnkit.inprocessing._mixture import Member
from fairlearnkit.tables import ScoreTable

_MOST_THRESHOLDS = 20_000
_MOST_COUNTS = 4_000_000  # in the tables of one model's thresholds
_COMPARED = 500  # rows on which a model's decisions are compared to its scores


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a model says of the rows that judge it.

    Parameters
    ----------
    position : ndarray of int
        Position of the predicted label of each row.
    score : ndarray or None
        Score of the positive class, where thresholds may move.
    method : str or None
        Where the score comes from.
    cut : float or None
        The model's own threshold, if it decides by one.
    """

    position: np.ndarray
    score: np.ndarray | None = None
    method: str | None = None
    cut: float | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """An unfitted model that is taken as it is, not cloned, by whoever clones it."""

    model: Any

    def __sklearn_clone__(self):
        """The model itself."""
        return self.model

    def __getattr__(self, name):
        return getattr(self.model, name)


class Oracle:
    """Fit the estimator at given costs and keep the fitted models.

    Parameters
    ----------
    estimator : classifier
    X : array, sparse matrix or data frame
        What the estimator sees.
    data : TrainingData
        Its groups are the cells that the costs speak of.
    moments : RateMoments
    held_out : HeldOut
    sensitive_features : array-like or None
        Values given to fit, for nested mitigators.
    fit_params : dict
    thresholds : bool
        Whether to tabulate other thresholds of a binary model's score.
    n_jobs : int or None
    """

    def __init__(
        self,
        estimator,
        X,
        data,
        *,
        moments,
        held_out,
        sensitive_features,
        fit_params,
        thresholds,
        n_jobs,
    ):
        require_weights(estimator)
        self.estimator, self.X, self.data = estimator, X, data
        self.moments, self.held_out, self.n_jobs = moments, held_out, n_jobs
        self.sensitive_features, self.fit_params = sensitive_features, fit_params
        self.thresholds = thresholds and len(data.classes) == 2
        self.models, self.cuts, self.methods = [], [], []
        self._starts = {}

    def costs(self, multipliers):
        """Costs of shape (n_cells, n_classes, n_classes)."""
        return self.moments.costs(multipliers)

    def strength(self, multipliers):
        """How far prices override the objective, at most."""
        return self.moments.strength(multipliers)

    def fingerprint(self, costs):
        """Costs up to what a learner can tell: a scale, and a constant per person."""
        return np.round(_relative(costs), 9).tobytes()

    def answer(self, questions):
        """Fit at each of the costs; values and moments of the classifiers found."""
        jobs = [(costs, place) for costs in questions for place in self._places()]
        done = Parallel(n_jobs=self.n_jobs)(
            delayed(self._work)(costs, place, self._start(costs, place))
            for costs, place in jobs
        )
        each, found = len(self._places()), []
        for number, costs in enumerate(questions):
            parts = done[number * each : (number + 1) * each]
            for place, (model, _) in zip(self._places(), parts, strict=True):
                self._remember(costs, place, model)
            tables = self._tables(parts)
            found.append(self.moments.of(tables))
        return found

    def member(self, model, place):
        """The classifier behind a column: `place` 0 is the model itself."""
        return Member(
            self.models[model],
            self.data.classes,
            self.cuts[model][place],
            self.methods[model],
        )

    def _places(self):
        """The member's own fit, number -1, and those of its stand-ins."""
        if self.held_out.member_is_judged:
            return [-1]
        return [-1, *range(len(self.held_out.folds))]

    def _work(self, costs, place, start):
        """Fit one model and let it answer for the rows that judge it."""
        held = self.held_out
        if place >= 0:
            train, test = held.folds[place]
        else:
            train, test = held.member, held.judged
        model = self._fit(costs, train, start)
        if place < 0 and not held.member_is_judged:
            return model, None
        return model, self._judge(model, test)

    def _fit(self, costs, train, start):
        """Train on the labels and weights that carry the costs.

        A row with costs c is worth, for each label k, the weight max(c) - c[k]: the
        weighted error is then the cost up to a constant.
        """
        data = self.data
        rows = np.arange(len(data.y)) if train is None else train
        gains = costs.max(axis=-1, keepdims=True) - costs
        weights = gains[data.groups.codes[rows], data.y[rows]]
        if data.weight is not None:
            weights = weights * data.weight[rows, None]
        at, labels = np.nonzero(weights)
        if len(np.unique(labels)) < 2:  # no label at all: every decision costs the same
            # As an array: alone, a boolean is no constant that scikit-learn takes.
            label = data.classes[labels[:1] if len(labels) else [0]]
            constant = DummyClassifier(strategy="constant", constant=label)
            return constant.fit(np.zeros((len(data.y), 1)), data.labels)
        weight = weights[at, labels]
        everybody = data.weight_or_ones[rows].sum()
        # Each row once, in order, is the common case: it needs no copy.
        whole = train is None and np.array_equal(at, rows)
        taken = None if whole else rows[at]
        labels = data.classes[labels]
        own = self.estimator if start is None else _warm(self.estimator, labels, start)
        model = fit_clone(
            own,
            take_rows(self.X, taken),
            labels,
            sample_weight=weight * (everybody / weight.sum()),
            sensitive_features=take_rows(self.sensitive_features, taken),
            **self.fit_params,
        )
        if own is not self.estimator:
            model.set_params(warm_start=self.estimator.warm_start)
        return model

    def _judge(self, model, rows):
        X = take_rows(self.X, rows)
        values = take_rows(self.sensitive_features, rows)
        scored = self.thresholds and not isinstance(model, DummyClassifier)
        method = response_method_of(model) if scored else None
        score = cut = None
        if method is not None:
            score = positive_score(model, method, X, values)
            cut = 0.5 if method == "predict_proba" else 0.0
            some = np.linspace(0, len(score) - 1, min(_COMPARED, len(score)))
            few = np.unique(some.astype(int))
            seen = self._positions(model, take_rows(X, few), take_rows(values, few))
            if np.array_equal(seen, score[few] > cut):
                # Predictions cost as much as scores: they are not asked for twice.
                return Judgement((score > cut).astype(int), score, method, cut)
        return Judgement(self._positions(model, X, values), score, method)

    def _positions(self, model, X, sensitive_features):
        predicted = call_method(model, "predict", X, sensitive_features)
        return np.searchsorted(self.data.classes, predicted)

    def _tables(self, parts):
        """Tables of the member itself, then of it at other thresholds."""
        member = parts[0][0]
        judged = [judgement for _, judgement in parts if judgement is not None]
        position = np.concatenate([j.position for j in judged])
        own = self._count(position, len(self.data.classes))
        tables = np.moveaxis(own, 0, -1)[None]
        methods, cuts = {j.method for j in judged}, {j.cut for j in judged}
        method = methods.pop() if len(methods) == 1 else None
        if isinstance(member, DummyClassifier):
            method = None
        thresholds = [cuts.pop() if method and len(cuts) == 1 else None]
        if method is not None:
            score = np.concatenate([j.score for j in judged])
            tables, others = self._with_thresholds(tables, score)
            thresholds += others
        self.models.append(member)
        self.cuts.append(thresholds)
        self.methods.append(method)
        return tables

    def _with_thresholds(self, tables, score):
        most = max(100, min(_MOST_THRESHOLDS, _MOST_COUNTS // tables[0].size))
        cuts = _cuts(score, most)
        above = np.searchsorted(cuts, score, side="left")
        selected = self._count(above, len(cuts) + 1)[::-1].cumsum(axis=0)[::-1]
        parts = np.stack([selected[0] - selected[1:], selected[1:]], axis=-1)
        return np.concatenate([tables, parts]), cuts.tolist()

    def _count(self, position, size):
        """Weight of the rows that judge by (position, cell, label)."""
        data, rows = self.data, self.held_out.judged
        codes, y = take_rows(data.groups.codes, rows), take_rows(data.y, rows)
        shape = size, len(data.groups), len(data.classes)
        cell = (position * shape[1] + codes) * shape[2] + y
        weight = take_rows(data.weight, rows)
        flat = np.bincount(cell, weights=weight, minlength=np.prod(shape))
        return flat.reshape(shape).astype(float)

    def _remember(self, costs, place, model):
        """Keep the coefficients of a linear model, to start the next one from."""
        if _starts_from_coefficients(self.estimator) and hasattr(model, "coef_"):
            start = _relative(costs), model.classes_, model.coef_, model.intercept_
            self._starts.setdefault(place, []).append(start)

    def _start(self, costs, place):
        """The start whose costs are the nearest."""
        known = self._starts.get(place)
        if not known:
            return None
        own = _relative(costs)
        return known[int(np.argmin([((own - at[0]) ** 2).sum() for at in known]))][1:]


def _relative(costs):
    relative = costs - costs.min(axis=-1, keepdims=True)
    return relative / relative.sum()


def _starts_from_coefficients(estimator):
    """Whether `warm_start` starts from `coef_`, and does not add to an ensemble."""
    own = estimator.get_params(deep=False)
    return "warm_start" in own and {"penalty", "fit_intercept"} <= own.keys()


def _warm(estimator, labels, start):
    """The estimator with coefficients to start from, if they are of these classes."""
    classes, coefficients, intercept = start
    if not np.array_equal(np.unique(labels), classes):
        return estimator
    model = clone(estimator).set_params(warm_start=True)
    model.coef_, model.intercept_ = coefficients.copy(), intercept.copy()
    model.classes_ = classes
    return Prepared(model)


def _cuts(score, most):
    """Thresholds between distinct scores, thinned by rank where there are many."""
    distinct = np.unique(ScoreTable.quantize(score))
    if len(distinct) > most:
        even = np.linspace(0, len(distinct) - 1, most).round()
        distinct = distinct[even.astype(int)]
    return (distinct[1:] + distinct[:-1]) / 2
