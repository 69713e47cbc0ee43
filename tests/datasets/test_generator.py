"""The generator against the rates it is given."""

import numpy as np
import pytest

from fairlearnkit.datasets import make_biased_classification


def test_generator_draws_the_rates_it_is_given():
    drawn = make_biased_classification(
        100_000,
        shares=(0.2, 0.3, 0.5),
        base_rates=(0.6, 0.4, 0.4),
        label_bias=(0.0, 0.25, 0.5),
        random_state=0,
    )
    group = drawn.data["group"]
    fair = drawn.fair_target.groupby(group, observed=True).mean()
    recorded = drawn.target.groupby(group, observed=True).mean()
    np.testing.assert_allclose(fair, [0.6, 0.4, 0.4], atol=0.01)
    np.testing.assert_allclose(recorded, [0.6, 0.3, 0.2], atol=0.01)
    np.testing.assert_allclose(
        group.value_counts(normalize=True, sort=False), [0.2, 0.3, 0.5], atol=0.01
    )
    assert (drawn.target <= drawn.fair_target).all()


def test_generator_features_depend_on_the_fair_label_alone():
    drawn = make_biased_classification(
        100_000, n_features=9, class_sep=2.0, label_bias=(0.0, 0.5), random_state=0
    )
    centres = drawn.data.groupby(["group", drawn.fair_target], observed=True)
    means = centres[drawn.feature_names[:-1]].mean()
    for label, sign in ((0, -1), (1, 1)):
        np.testing.assert_allclose(means.xs(label, level=1), sign / 3, atol=0.05)


def test_generator_repeats_with_a_seed():
    first, second = (
        make_biased_classification(50, random_state=3, as_frame=False).data
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shares": (1.0,)}, "one value for each group, but have 1, 2 and 2"),
        ({"shares": (0.5, 0.6)}, "add up to 1"),
        ({"base_rates": (0.5, 1.1)}, "probabilities in"),
    ],
)
def test_generator_rejects_what_is_no_probability(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_biased_classification(10, **wrong)
