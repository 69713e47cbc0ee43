"""Cross-validation of candidates: every one on the same folds."""

import time
from dataclasses import dataclass
from functools import wraps
from itertools import product
from numbers import Integral

from sklearn.dummy import DummyClassifier
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from fairlearnkit._sklearn import (
    asks_for_groups,
    call_method,
    fit_clone,
    is_frozen,
    take_rows,
)
from fairlearnkit.model_selection._candidates import Candidate
from fairlearnkit.model_selection._split import SensitiveStratifiedKFold
from fairlearnkit.tables import GroupCounts

_RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class BoundModel:
    """A fitted model with one batch of rows, and their groups, bound to it.

    Stock scorers call ``predict(X)`` alone; this hands the groups on to whoever asks
    for them, and answers each question about its batch once.

    Parameters
    ----------
    model : fitted estimator
    X : the batch
    values : sensitive features of the batch, or None
    """

    def __init__(self, model, X, values):
        self._model, self.X, self._values = model, X, values
        self._answers = {}

    def __getattr__(self, name):
        attribute = getattr(self._model, name)
        if name not in _RESPONSES:
            return attribute

        @wraps(attribute)  # scorers read the name of the method
        def respond(X=None):
            return self._respond(name, X)

        return respond

    def _respond(self, method, X):
        if X is not None and X is not self.X:
            return call_method(self._model, method, X, self._values)
        if method not in self._answers:
            answer = call_method(self._model, method, self.X, self._values)
            self._answers[method] = answer
        return self._answers[method]


@dataclass(frozen=True, eq=False)
class Trial:
    """What one candidate did on one fold.

    Parameters
    ----------
    objective : float
        On the fold's held-out rows.
    table : GroupCounts
        Of the fold's held-out rows.
    fit_time : float
        Seconds.
    """

    objective: float
    table: GroupCounts
    fit_time: float


def run_trial(candidate, number, fold, data, values, scorer):
    """Fit a candidate on a fold's training rows, and count and score the others.

    Parameters
    ----------
    candidate : Candidate
    number : int
        Of the fold, for messages.
    fold : tuple (train, test)
    data : TrainingData
    values : sensitive features of all rows, for candidates that ask for them
    scorer : callable

    Raises
    ------
    ValueError, TypeError
        Whatever went wrong, with the name of the candidate.
    """
    train, test = fold
    # A candidate can fail in as many ways as there are estimators.
    try:
        start = time.perf_counter()
        model = fit_candidate(candidate, train, data, values)
        seconds = time.perf_counter() - start
        objective, table = _score(model, test, data, values, scorer)
    except Exception as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"candidate {candidate.name} failed on fold {number}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return Trial(objective, table, seconds)


def fit_candidate(candidate, rows, data, values):
    """Fit a clone on some rows, or on all if None; a frozen model stays as it is."""
    if is_frozen(candidate.estimator):
        return candidate.estimator
    return fit_clone(
        candidate.estimator,
        take_rows(data.X, rows),
        take_rows(data.labels, rows),
        sample_weight=take_rows(data.weight, rows),
        sensitive_features=take_rows(values, rows),
    )


def score_model(scorer, bound, y, weight):
    """Score a bound model on its batch; a scorer sees weights only if there are any."""
    options = {} if weight is None else {"sample_weight": weight}
    return float(scorer(bound, bound.X, y, **options))


def _score(model, test, data, values, scorer):
    X, y, weight = (
        take_rows(part, test) for part in (data.X, data.labels, data.weight)
    )
    bound = BoundModel(model, X, take_rows(values, test))
    table = GroupCounts.from_arrays(
        y,
        bound.predict(),
        sensitive_features=data.groups.take(test),
        sample_weight=weight,
        classes=data.classes,
    )
    return score_model(scorer, bound, y, weight), table


def make_folds(cv, data, values):
    """Folds as a list; an int stratifies by label and group.

    Parameters
    ----------
    cv : int, splitter, iterable of splits or None
    data : TrainingData
    values : sensitive features of all rows, for a splitter that asks for them

    Returns
    -------
    folds : list of (train, test)
    """
    if cv is None or isinstance(cv, Integral):
        n_splits = 5 if cv is None else cv
        cv = SensitiveStratifiedKFold(n_splits=n_splits, shuffle=True, random_state=0)
    splitter = check_cv(cv, data.labels, classifier=True)
    asked = asks_for_groups(splitter, "split")
    options = {"sensitive_features": values} if asked else {}
    return list(splitter.split(data.X, data.labels, **options))


def run_trials(candidates, folds, data, values, scorer, n_jobs=None):
    """Run every candidate on every fold.

    Parameters
    ----------
    candidates : list of Candidate
    folds : list of (train, test)
    data : TrainingData
    values : sensitive features of all rows
    scorer : callable
    n_jobs : int or None

    Returns
    -------
    trials : list of lists of Trial
        By candidate and fold.
    """
    jobs = product(candidates, enumerate(folds))
    trials = Parallel(n_jobs=n_jobs)(
        delayed(run_trial)(candidate, number, fold, data, values, scorer)
        for candidate, (number, fold) in jobs
    )
    n_folds = len(folds)
    return [trials[i : i + n_folds] for i in range(0, len(trials), n_folds)]


def constant_objective(folds, data, scorer):
    """Mean objective of predicting the same for everybody, which treats all alike."""
    model = DummyClassifier(strategy="prior")
    constant = Candidate("constant", "constant", {}, model)
    try:
        (trials,) = run_trials([constant], folds, data, None, scorer)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "the objective of a constant prediction, from which hypervolume_ is "
            f"measured, is undefined; give reference=(violation, objective). {error}"
        ) from error
    return sum(trial.objective for trial in trials) / len(trials)
