"""What Fairlearn 0.15 takes in silence and answers wrongly, and what is done here.

One test for every such cell of a survey of bad input: thresholds, reductions, metrics.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fairlearnkit import ReductionClassifier, ReweighingClassifier, ThresholdOptimizer
from fairlearnkit import metrics as m
from fairlearnkit.exceptions import FairnessWarning

MITIGATORS = pytest.mark.parametrize(
    "mitigator", [ThresholdOptimizer, ReductionClassifier, ReweighingClassifier]
)
# Without a mixture, of which a small sample warns.
CERTAIN = {
    kind: {"tolerance": 1.0} for kind in (ThresholdOptimizer, ReductionClassifier)
}
DIFFERENCES = pytest.mark.parametrize(
    "metric",
    [
        m.demographic_parity_difference,
        m.equalized_odds_difference,
        m.selection_rate_difference,
        m.true_positive_rate_difference,
    ],
)


def people(n=300, n_groups=2):
    rng = np.random.default_rng(0)
    group = np.array(["a", "b", "c", "d"])[rng.integers(0, n_groups, n)]
    X = rng.normal(size=(n, 3)) + 0.5 * (group == "a")[:, None]
    y = (X[:, 0] + rng.normal(size=n) > 0).astype(int)
    return X, y, group


def frame_of(metric, y, h, group, **options):
    return m.MetricFrame(
        metrics=metric, y_true=y, y_pred=h, sensitive_features=group, **options
    )


@MITIGATORS
def test_none_among_the_groups_is_refused(mitigator):
    X, y, group = people()
    values = [None, *group[1:]]
    with pytest.raises(ValueError, match="1 missing values in 300 rows"):
        mitigator(LogisticRegression()).fit(X, y, sensitive_features=values)


@DIFFERENCES
def test_none_among_the_groups_of_a_metric_is_refused(metric):
    with pytest.raises(ValueError, match="1 missing values in 4 rows"):
        metric([0, 1, 0, 1], [0, 1, 1, 1], sensitive_features=["a", None, "b", "a"])


@MITIGATORS
def test_missing_values_turned_into_text_are_suspected(mitigator):
    X, y, group = people()
    text = np.where(np.arange(len(y)) < 60, np.array(np.nan).astype(str), group)
    with pytest.warns(FairnessWarning, match="a group named 'nan'"):
        mitigator(LogisticRegression()).fit(X, y, sensitive_features=text)


@DIFFERENCES
def test_missing_values_turned_into_text_are_suspected_by_metrics(metric):
    text = np.array(["a", np.nan, "b", "a"]).astype(str)
    labels = [0, 1, 0, 1] * 2
    with pytest.warns(FairnessWarning, match="a group named 'nan'"):
        metric(labels, labels, sensitive_features=np.repeat(text, 2))


def test_a_group_that_fit_did_not_see_is_refused_or_pooled_on_request():
    X, y, group = people()
    strange = np.where(np.arange(len(y)) < 5, "new", group)
    model = ThresholdOptimizer(LogisticRegression())
    model.fit(X, y, sensitive_features=group)
    with pytest.raises(ValueError, match="'new' was not seen during fit"):
        model.predict(X, sensitive_features=strange)
    model.set_params(handle_unknown="pooled").fit(X, y, sensitive_features=group)
    assert 0 < model.predict(X[:5], sensitive_features=strange[:5]).mean() <= 1


def test_two_columns_match_whether_numbers_come_as_integers_or_floats():
    X, y, group = people()
    number = np.arange(len(y)) % 2
    model = ThresholdOptimizer(LogisticRegression())
    model.fit(X, y, sensitive_features=pd.DataFrame({"n": number, "g": group}))
    found = [
        model.predict(X, sensitive_features=pd.DataFrame({"n": column, "g": group}))
        for column in (number, number.astype(float))
    ]
    np.testing.assert_array_equal(*found)
    assert found[0].any()


@MITIGATORS
@pytest.mark.parametrize("which", ["sensitive_features", "y", "sample_weight"])
def test_rows_of_pandas_objects_in_other_orders_are_refused(mitigator, which):
    X, y, group = people()
    data = {
        "X": pd.DataFrame(X, columns=list("uvw")),
        "y": pd.Series(y),
        "sensitive_features": pd.Series(group),
        "sample_weight": pd.Series(np.ones(len(y))),
    }
    data[which] = data[which].sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="same index in different orders"):
        mitigator(LogisticRegression()).fit(**data)


def test_rows_in_other_orders_are_refused_at_prediction():
    X, y, group = people()
    frame, groups = pd.DataFrame(X, columns=list("uvw")), pd.Series(group)
    model = ThresholdOptimizer(LogisticRegression())
    model.fit(frame, y, sensitive_features=groups)
    with pytest.raises(ValueError, match="same index in different orders"):
        model.predict(frame, sensitive_features=groups.sample(frac=1, random_state=0))


@DIFFERENCES
def test_rows_in_other_orders_are_refused_by_metrics(metric):
    _, y, group = people()
    y, shuffled = pd.Series(y), pd.Series(group).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="same index in different orders"):
        metric(y, y, sensitive_features=shuffled)


@MITIGATORS
def test_a_group_without_weight_is_nobody(mitigator):
    X, y, group = people(n_groups=3)
    weight = (group != "c").astype(float)
    model = mitigator(LogisticRegression(), **CERTAIN.get(mitigator, {}))
    model.fit(X, y, sensitive_features=group, sample_weight=weight)
    assert model.groups_ == ("a", "b")


@MITIGATORS
def test_negative_weights_are_refused(mitigator):
    X, y, group = people()
    weight = np.where(np.arange(len(y)) < 2, -1.0, 1.0)
    with pytest.raises(ValueError, match="non-negative"):
        mitigator(LogisticRegression()).fit(
            X, y, sensitive_features=group, sample_weight=weight
        )


@DIFFERENCES
def test_negative_weights_are_refused_by_metrics(metric):
    with pytest.raises(ValueError, match="non-negative"):
        metric(
            [0, 1, 0, 1],
            [0, 1, 1, 1],
            sensitive_features=list("aabb"),
            sample_weight=[1, 1, 1, -1],
        )


@MITIGATORS
def test_a_continuous_column_is_suspected(mitigator):
    X, y, _ = people(60)
    model = mitigator(LogisticRegression())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # such groups are warned of more than once
        model.fit(X, y, sensitive_features=X[:, 1])
    first = str(caught[0].message)
    assert "60 groups out of 60 rows" in first
    assert "cut it with Binned" in first


def test_a_continuous_column_is_suspected_by_metrics():
    _, y, _ = people()
    with pytest.warns(FairnessWarning, match="300 groups out of 300 rows"):
        m.demographic_parity_difference(y, y, sensitive_features=np.arange(300) / 7)


def test_a_group_with_one_label_is_named_as_left_out_of_the_constraint():
    X, y, group = people(n_groups=3)
    y = np.where(group == "c", 0, y)
    for mitigator in (ThresholdOptimizer, ReductionClassifier):
        model = mitigator(LogisticRegression(), constraint="equalized_odds")
        with pytest.warns(FairnessWarning, match="left out of the constraint.*'c'"):
            model.fit(X, y, sensitive_features=group)


def test_a_reduction_that_stops_early_says_how_far_it_got():
    X, y, group = people()
    model = ReductionClassifier(LogisticRegression(), tolerance=0.0, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="not converged after 1 fits"):
        model.fit(X, y, sensitive_features=group)


@pytest.mark.parametrize(
    "metric", [m.equalized_odds_difference, m.equal_opportunity_difference]
)
def test_a_group_without_positives_is_not_taken_for_a_rate_of_zero(metric):
    y, h, group = [0, 1, 0, 1, 0, 0], [0, 1, 0, 1, 0, 0], list("aabbcc")
    with pytest.warns(FairnessWarning, match=r"undefined .* in \['c'\]"):
        assert metric(y, h, sensitive_features=group) == 0
    with pytest.warns(FairnessWarning, match=r"undefined .* in \['c'\]"):
        frame = frame_of(m.true_positive_rate, y, h, group)
    assert np.isnan(frame.by_group["c"])


@DIFFERENCES
@pytest.mark.parametrize("labels", [("no", "yes"), (1, 2)])
def test_labels_that_leave_the_positive_one_open_are_refused(metric, labels):
    y = np.array(labels, dtype=object)[[0, 1, 0, 1]]
    with pytest.raises(ValueError, match="pos_label must say which one is positive"):
        metric(y, y[::-1], sensitive_features=list("aabb"))


@DIFFERENCES
def test_probabilities_are_refused(metric):
    with pytest.raises(ValueError, match="y_pred holds continuous values"):
        metric([0, 1, 0, 1], [0.2, 0.7, 0.5, 0.1], sensitive_features=list("aabb"))


@pytest.mark.parametrize(
    "metric", [m.demographic_parity_difference, m.equalized_odds_difference]
)
def test_a_single_group_is_said_to_have_nobody_to_be_compared_with(metric):
    with pytest.warns(FairnessWarning, match="one group only, 'a'"):
        assert metric([0, 1], [0, 1], sensitive_features=["a", "a"]) == 0


def test_a_group_of_one_has_an_interval_that_says_how_little_is_known():
    frame = frame_of(m.selection_rate, [0, 1, 1], [0, 1, 1], list("abb"))
    row = frame.intervals().loc[("selection_rate", "a")]
    assert (row["low"], row["n"]) == (0, 1)
    assert row["high"] > 0.75


@pytest.mark.parametrize("metric", [m.count, m.selection_rate])
def test_no_rows_are_refused_in_a_sentence(metric):
    with pytest.raises(ValueError, match="there are no rows"):
        frame_of(metric, [], [], [])
