"""Fairness scorers called by hand: what they measure, and when they give nan."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, check_scoring, roc_auc_score

from fairlearnkit import ThresholdOptimizer, metrics
from fairlearnkit.constraints import Rate, TruePositiveRateParity
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.metrics import (
    demographic_parity_difference,
    disparity_of_table,
    equalized_odds_difference,
)
from fairlearnkit.model_selection import fairness_scorer
from fairlearnkit.model_selection._measures import named_metrics
from fairlearnkit.tables import GroupCounts


def people(seed=0, n=300):
    """Two features and a group of three, and labels that depend on all of them."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    features = rng.normal(size=(n, 2)) + 0.5 * group[:, None]
    y = (features.sum(axis=1) + rng.normal(size=n) > 0.5).astype(int)
    return np.column_stack([features, group]), y, group


@pytest.fixture(scope="module")
def fitted():
    X, y, group = people()
    return LogisticRegression().fit(X, y), X, y, group


class FirstColumn(ClassifierMixin, BaseEstimator):
    """A model that predicts its first column."""

    def __init__(self, classes=(0, 1)):
        self.classes = classes

    def fit(self, X, y):
        self.classes_ = np.array(self.classes)
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0].astype(int)


def accuracy_gap(y_true, y_pred, *, sensitive_features, scale=1.0):
    """A user's own metric, without weights."""
    right = np.asarray(y_true) == np.asarray(y_pred)
    groups = np.unique(sensitive_features)
    by_group = [right[sensitive_features == group].mean() for group in groups]
    return scale * (max(by_group) - min(by_group))


def least_accuracy(y_true, y_pred, *, sensitive_features, sample_weight=None):
    """A user's own metric, with weights."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    return min(
        np.average(y_true[rows] == y_pred[rows], weights=weight[rows])
        for rows in (sensitive_features == g for g in np.unique(sensitive_features))
    )


def auc_gap(y_true, y_score, *, sensitive_features, pos_label=None):
    """A user's own metric of scores."""
    y_true = np.asarray(y_true) == (1 if pos_label is None else pos_label)
    auc = [
        roc_auc_score(y_true[rows], y_score[rows])
        for rows in (sensitive_features == g for g in np.unique(sensitive_features))
    ]
    return max(auc) - min(auc)


KNOWN_WAY = [
    name
    for name in named_metrics()
    if name.endswith(("_difference", "_ratio", "_group_min", "_group_max"))
]


@pytest.mark.parametrize("name", KNOWN_WAY)
def test_metrics_of_the_package_are_scorers_by_name_and_by_function(name, fitted):
    model, X, y, group = fitted
    metric = getattr(metrics, name)
    better = name.endswith(("_ratio", "_group_min"))
    of_scores = name.startswith(("roc_auc", "log_loss"))
    method = "predict_proba" if of_scores else "predict"
    given = model.predict_proba(X)[:, 1] if of_scores else model.predict(X)
    expected = metric(y, given, sensitive_features=group) * (1 if better else -1)
    for entrance in (name, metric):
        scorer = fairness_scorer(entrance, sensitive_features=2, response_method=method)
        assert scorer(model, X, y) == pytest.approx(expected)
        if of_scores:
            with pytest.raises(ValueError, match="is a metric of scores"):
                fairness_scorer(entrance, sensitive_features=2)


@pytest.mark.parametrize(
    "metric",
    [
        "equalized_odds",
        "predictive_parity",
        "demographic_parity",
        TruePositiveRateParity(compare="ratio"),
        Rate("false_omission_rate", [[0, 0], [1, 0]], [[1, 0], [1, 0]]),
    ],
    ids=str,
)
def test_a_constraint_scores_its_negated_violation(metric, fitted):
    model, X, y, group = fitted
    table = GroupCounts.from_arrays(y, model.predict(X), sensitive_features=group)
    found = fairness_scorer(metric, sensitive_features=2)(model, X, y)
    assert found == pytest.approx(-disparity_of_table(table, metric).value)


def test_the_sign_can_be_given():
    X = np.array([[0, 0], [1, 0], [1, 1], [1, 1]])
    y, model = [0, 1, 0, 1], FirstColumn().fit(X, None)
    options = {"sensitive_features": 1, "greater_is_better": True}
    assert fairness_scorer("demographic_parity", **options)(model, X, y) == 0.5
    assert fairness_scorer(accuracy_gap, **options)(model, X, y) == 0.5
    options["greater_is_better"] = False
    assert fairness_scorer(accuracy_gap, **options)(model, X, y) == -0.5
    assert fairness_scorer(accuracy_gap, scale=3, **options)(model, X, y) == -1.5


def test_weights_are_those_of_the_metric(fitted):
    model, X, y, _ = fitted
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    for metric, better in (
        ("equalized_odds_difference", None),
        ("equalized_odds", None),
        (least_accuracy, True),
    ):
        scorer = fairness_scorer(metric, sensitive_features=2, greater_is_better=better)
        assert scorer._accept_sample_weight()
        weighted = scorer(model, X, y, sample_weight=weight)
        assert weighted == pytest.approx(scorer(model, X[rows], y[rows]))


def test_a_metric_without_weights_says_so(fitted):
    model, X, y, _ = fitted
    scorer = fairness_scorer(
        accuracy_gap, sensitive_features=2, greater_is_better=False
    )
    assert not scorer._accept_sample_weight()
    with pytest.raises(ValueError, match="accuracy_gap takes no sample_weight"):
        scorer(model, X, y, sample_weight=np.ones(len(y)))


@pytest.mark.parametrize("metric", ["demographic_parity", least_accuracy])
def test_people_without_weight_make_no_group(metric):
    X = np.array([[0, 0], [1, 0], [1, 1], [1, 1], [0, 2]])
    y, weight = np.array([0, 1, 0, 1, 1]), np.array([1, 1, 1, 1, 0])
    model = FirstColumn().fit(X, None)
    scorer = fairness_scorer(metric, sensitive_features=1, greater_is_better=True)
    found = scorer(model, X, y, sample_weight=weight)
    assert found == scorer(model, X[:4], y[:4])
    with pytest.warns(FairnessWarning, match="the only group is x1=1"):
        found = scorer(model, X, y, sample_weight=np.array([0, 0, 1, 1, 0]))
    assert np.isnan(found)


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        ("demographic_parity_difference", None),
        ("demographic_parity_ratio", None),
        ("equalized_odds", None),
        (accuracy_gap, False),
    ],
)
def test_one_group_alone_is_nan_and_named(metric, better):
    X = pd.DataFrame({"x": [0, 1, 1], "sex": ["F", "F", "F"]})
    scorer = fairness_scorer(metric, sensitive_features="sex", greater_is_better=better)
    with pytest.warns(FairnessWarning, match="the only group is sex='F'"):
        assert np.isnan(scorer(FirstColumn().fit(X, None), X, [0, 1, 0]))


def test_a_rate_that_is_undefined_in_a_group_is_nan_and_named():
    """Two groups are left to compare, but the gap is not that of other folds."""
    y, h, group = [1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], list("aabbcc")
    X = pd.DataFrame({"h": h, "group": group})
    model = FirstColumn().fit(X, None)
    for metric in (
        "equal_opportunity_difference",
        "equalized_odds_ratio",
        TruePositiveRateParity(),
    ):
        scorer = fairness_scorer(metric, sensitive_features="group")
        with pytest.warns(
            FairnessWarning, match="true_positive_rate of group='c'"
        ) as seen:
            assert np.isnan(scorer(model, X, y))
        assert len(seen) == 1
    scorer = fairness_scorer("demographic_parity", sensitive_features="group")
    assert scorer(model, X, y) == -0.5


def test_a_fold_with_one_label_knows_the_others_from_the_model():
    X = np.array([[0, 0], [0, 0], [0, 1], [0, 1]])
    model = FirstColumn(classes=(0, 2)).fit(X, None)
    scorer = fairness_scorer("demographic_parity", sensitive_features=1, pos_label=2)
    assert scorer(model, X, [0, 0, 0, 0]) == 0


def test_other_labels_need_pos_label_where_the_metric_does(fitted):
    _, X, y, group = fitted
    named = np.array(["yes", "no"])[y]  # "yes" is y == 0, and last in order
    model = LogisticRegression().fit(X, named)
    predicted = model.predict(X)
    for label in ("yes", "no"):
        expected = equalized_odds_difference(
            named, predicted, sensitive_features=group, pos_label=label
        )
        for metric in ("equalized_odds_difference", "equalized_odds"):
            scorer = fairness_scorer(metric, sensitive_features=2, pos_label=label)
            assert scorer(model, X, named) == pytest.approx(-expected)
    scorer = fairness_scorer("equalized_odds_difference", sensitive_features=2)
    with pytest.raises(ValueError, match="pos_label must say which"):
        scorer(model, X, named)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "auto"])
@pytest.mark.parametrize("label", ["no", "yes"])
def test_scores_are_those_of_the_positive_class(method, label, fitted):
    _, X, y, group = fitted
    named = np.array(["no", "yes"])[y]
    model = LogisticRegression().fit(X, named)
    scorer = fairness_scorer(
        auc_gap, sensitive_features=2, response_method=method,
        greater_is_better=False, pos_label=label,
    )  # fmt: skip
    score = model.decision_function(X) * (1 if label == "yes" else -1)
    expected = auc_gap(named, score, sensitive_features=group, pos_label=label)
    assert scorer(model, X, named) == pytest.approx(-expected)


@pytest.mark.parametrize(
    "container", ["pandas", "polars", "array", "sparse", "list", "callable"]
)
def test_groups_are_found_in_every_container(container, fitted):
    model, X, y, group = fitted
    expected = -demographic_parity_difference(
        y, model.predict(X), sensitive_features=group
    )
    named = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}
    given, spec = {
        "pandas": (pd.DataFrame(named), "c"),
        "polars": (pl.DataFrame(named), "c"),
        "array": (X, -1),
        "sparse": (sparse.csr_array(X), 2),
        "list": (X.tolist(), 2),
        "callable": (X, lambda X: X[:, 2]),
    }[container]
    if container in ("pandas", "polars"):
        model = LogisticRegression().fit(given, y)
    scorer = fairness_scorer("demographic_parity", sensitive_features=spec)
    assert scorer(model, given, y) == pytest.approx(expected)


def test_two_columns_are_crossed_and_values_win(fitted):
    model, X, y, group = fitted
    old = X[:, 0] > 0
    both = pd.DataFrame({"group": group, "old": old})
    scorer = fairness_scorer("demographic_parity", sensitive_features=2)
    for values in (both, {"group": group, "old": old}, 2 * group + old):
        expected = -demographic_parity_difference(
            y, model.predict(X), sensitive_features=values
        )
        found = scorer(model, X, y, sensitive_features=values)
        assert found == pytest.approx(expected)


def test_a_callable_is_given_an_array_or_a_dict_of_columns(fitted):
    model, X, y, group = fitted
    both = pd.DataFrame({"group": group, "old": X[:, 0] > 0})
    seen = []

    def metric(y_true, y_pred, *, sensitive_features):
        seen.append(sensitive_features)
        return 0.0

    for spec in (lambda X: both[["group"]], lambda X: both):
        fairness_scorer(metric, sensitive_features=spec, greater_is_better=True)(
            model, X, y
        )
    np.testing.assert_array_equal(seen[0], group)
    assert list(seen[1]) == ["group", "old"]
    for name, column in seen[1].items():
        np.testing.assert_array_equal(column, both[name])


def test_missing_groups_are_refused_or_a_group(fitted):
    model, X, y, group = fitted
    values = pd.Series(group).astype(object).mask(group == 2)
    scorer = fairness_scorer("demographic_parity")
    with pytest.raises(ValueError, match="missing values"):
        scorer(model, X, y, sensitive_features=values)
    lenient = fairness_scorer("demographic_parity", handle_missing="group")
    found = lenient(model, X, y, sensitive_features=values)
    assert found == scorer(model, X, y, sensitive_features=group)


@pytest.mark.parametrize("entrance", ["spec of both", "spec of the scorer", "values"])
def test_post_processors_get_the_groups_to_predict(entrance):
    X, y, group = people(1)
    spec = {"sensitive_features": 2}
    model = ThresholdOptimizer(
        LogisticRegression(), tolerance=0.0, **(spec if "both" in entrance else {})
    )
    if "both" in entrance:
        predicted = model.fit(X, y).predict(X)
    else:
        model.fit(X, y, sensitive_features=X[:, 2])
        predicted = model.predict(X, sensitive_features=X[:, 2])
    expected = -demographic_parity_difference(y, predicted, sensitive_features=group)
    scorer = fairness_scorer(
        "demographic_parity", **({} if entrance == "values" else spec)
    )
    values = {"sensitive_features": X[:, 2]} if entrance == "values" else {}
    assert scorer(model, X, y, **values) == pytest.approx(expected)
    assert expected > -0.02


def test_clone_copy_pickle_and_repr(fitted):
    model, X, y, _ = fitted
    for scorer, text in (
        (
            fairness_scorer("equalized_odds_ratio", sensitive_features=2, agg="mean"),
            "fairness_scorer('equalized_odds_ratio', sensitive_features=2, agg='mean')",
        ),
        (
            fairness_scorer(TruePositiveRateParity(), sensitive_features=[2]),
            "fairness_scorer(TruePositiveRateParity(), sensitive_features=[2])",
        ),
        (
            fairness_scorer(
                accuracy_gap, sensitive_features=2, greater_is_better=False
            ),
            "fairness_scorer(accuracy_gap, sensitive_features=2, "
            "greater_is_better=False)",
        ),
    ):
        assert repr(scorer) == text
        assert check_scoring(model, scorer) is scorer
        copies = [deepcopy(scorer), clone(scorer, safe=False)]
        if "accuracy_gap" not in text:  # a test's function has no importable name
            copies.append(pickle.loads(pickle.dumps(scorer)))
        for copy in copies:
            assert copy(model, X, y) == scorer(model, X, y)


def test_requests_of_metadata():
    def requests(scorer):
        return scorer.get_metadata_routing().score.requests

    scorer = fairness_scorer("demographic_parity")
    assert requests(scorer) == {"sample_weight": None, "sensitive_features": True}
    with pytest.raises(RuntimeError, match="metadata routing is enabled"):
        scorer.set_score_request(sample_weight=True)
    with config_context(enable_metadata_routing=True):
        assert scorer.set_score_request(sample_weight=True) is scorer
        assert requests(scorer) == {"sample_weight": True, "sensitive_features": True}
        scorer.set_score_request(sensitive_features="sex")
        assert requests(scorer)["sensitive_features"] == "sex"
        with pytest.raises(ValueError, match=r"not \['groups'\]"):
            scorer.set_score_request(groups=True)
    named = fairness_scorer("demographic_parity", sensitive_features="sex")
    assert requests(named)["sensitive_features"] is False


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("demographic_party", {}, r"did you mean \['demographic_parity"),
        ("zzz", {}, "known are"),
        (3, {}, "3 is neither a metric"),
        (accuracy_gap, {}, "greater_is_better=True or greater_is_better=False"),
        (auc_gap, {"greater_is_better": False}, "auc_gap is a metric of scores"),
        ("demographic_parity", {"method": "x"}, r"takes no \['method'\]"),
        ("demographic_parity", {"response_method": "transform"}, "must be one of"),
        ("equalized_odds", {"response_method": "predict_proba"}, "metric of labels"),
    ],
)
def test_bad_arguments_get_a_sentence(metric, options, message):
    with pytest.raises(ValueError, match=message):
        fairness_scorer(metric, sensitive_features=0, **options)


def test_bad_calls_get_a_sentence(fitted):
    model, X, y, _ = fitted
    with pytest.raises(ValueError, match="needs to know the groups: name their column"):
        fairness_scorer("demographic_parity")(model, X, y)
    with pytest.raises(ValueError, match="has no column names"):
        fairness_scorer("demographic_parity", sensitive_features="sex")(model, X, y)
    with pytest.raises(ValueError, match="sensitive_features has 3 rows"):
        fairness_scorer("demographic_parity")(model, X, y, sensitive_features=[1, 2, 3])
    scorer = fairness_scorer(
        lambda y_true, y_pred, *, sensitive_features: [0.1, 0.2],
        sensitive_features=2,
        greater_is_better=True,
    )
    with pytest.raises(ValueError, match="a scorer needs one number"):
        scorer(model, X, y)
    scorer = fairness_scorer(
        auc_gap, sensitive_features=2, response_method="auto", greater_is_better=False
    )
    with pytest.raises(ValueError, match="FirstColumn has no response method 'auto'"):
        scorer(FirstColumn().fit(X, None), X, y)


def test_a_ready_score_is_worse_the_wider_the_gap():
    """The one ordering that a search relies on."""
    X = np.column_stack([np.zeros(8), np.repeat([0, 1], 4)])
    y, scores = np.array([0, 1] * 4), []
    for selected in range(5):
        X[4 : 4 + selected, 0] = 1
        model = FirstColumn().fit(X, None)
        row = [
            fairness_scorer(metric, sensitive_features=1)(model, X, y)
            for metric in ("demographic_parity", "demographic_parity_difference")
        ]
        scores.append([*row, accuracy_score(y, model.predict(X))])
    assert (np.diff(np.array(scores)[:, :2], axis=0) < 0).all()
