"""Candidates: what a user may write, and the names they get."""

import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from fairlearnkit import ReweighingClassifier, ThresholdOptimizer
from fairlearnkit.model_selection._candidates import expand_candidates

LR, TREE = LogisticRegression(), DecisionTreeClassifier()


def names(candidates):
    return [candidate.name for candidate in expand_candidates(candidates)]


def test_a_list_is_named_by_class_and_numbered_where_classes_repeat():
    found = names([LR, ThresholdOptimizer(LR), ThresholdOptimizer(TREE)])
    assert found == [
        "LogisticRegression",
        "ThresholdOptimizer-1",
        "ThresholdOptimizer-2",
    ]


def test_a_dict_gives_the_names():
    pairs = {"plain": LR, "fair": (ThresholdOptimizer(LR), {"tolerance": [0.0, 0.1]})}
    assert names(pairs) == ["plain", "fair(tolerance=0)", "fair(tolerance=0.1)"]


def test_only_what_varies_is_in_the_name_but_all_is_in_the_parameters():
    grid = {"tolerance": [0.1], "estimator": [LR, TREE]}
    found = expand_candidates({"fair": (ThresholdOptimizer(LR), grid)})
    assert [c.name for c in found] == [
        "fair(estimator=LogisticRegression)",
        "fair(estimator=DecisionTreeClassifier)",
    ]
    assert {c.params["tolerance"] for c in found} == {0.1}
    assert all(c.estimator.tolerance == 0.1 for c in found)


def test_a_list_of_grids_is_the_union_of_its_grids():
    grids = [{"C": [1.0, 2.0]}, {"fit_intercept": [False]}]
    assert names([(LR, grids)]) == [
        "LogisticRegression(C=1)",
        "LogisticRegression(C=2)",
        "LogisticRegression(fit_intercept=False)",
    ]


def test_the_estimators_given_are_left_alone():
    (found,) = expand_candidates([(LR, {"C": [7.0]})])
    assert found.estimator.C == 7
    assert LR.C == 1
    nested = ReweighingClassifier(make_pipeline(StandardScaler(), LR))
    expand_candidates([(nested, {"estimator__logisticregression__C": [7.0]})])
    assert LR.C == 1


@pytest.mark.parametrize(
    "wrong",
    [[], {}, (LR, {"C": [1]}), [("plain", LR)], [LogisticRegression], ["lr"], LR],
    ids=["empty", "empty dict", "pair", "named pair", "class", "text", "estimator"],
)
def test_another_form_is_refused(wrong):
    with pytest.raises(ValueError, match="candidates must be a list, or a dict that"):
        expand_candidates(wrong)


def test_a_regressor_is_refused():
    with pytest.raises(ValueError, match="classifiers, got LinearRegression"):
        expand_candidates([LR, LinearRegression()])


def test_an_unknown_parameter_names_the_candidate():
    with pytest.raises(ValueError, match="candidate plain: Invalid parameter 'depth'"):
        expand_candidates({"plain": (LR, {"depth": [1]})})
