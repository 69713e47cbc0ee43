"""Calibrated chances have the observed masses, and undo what made a model too sure."""

import numpy as np
import pytest

from fairlearnkit._solvers.joint_calibration import JointCalibration, joint_chances


def people(n=20_000, sharpness=1.0):
    """True chances of 3 groups x 2 labels, made surer by a power; draws from them."""
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.full(6, 2.0), size=n)
    cell = (rng.random(n)[:, None] > true.cumsum(axis=1)).sum(axis=1)
    told = true**sharpness
    told = (told / told.sum(axis=1, keepdims=True)).reshape(n, 3, 2)
    label = told.sum(axis=1)
    return true.reshape(n, 3, 2), label, told / label[:, None], (cell // 2, cell % 2)


def test_true_chances_stay_what_they_are():
    true, label, group, cells = people()
    weight = np.full(len(label), 1 / len(label))
    found = JointCalibration.fit(label, group, cells, weight)
    assert found.label_slope == pytest.approx(1, abs=0.1)
    assert found.group_slope == pytest.approx(1, abs=0.1)
    assert abs(found.joint(label, group) - true).mean() < 0.01
    np.testing.assert_allclose(joint_chances(label, group), true)


def test_a_model_that_is_too_sure_is_corrected():
    true, label, group, cells = people(sharpness=2.0)
    weight = np.full(len(label), 1 / len(label))
    found = JointCalibration.fit(label, group, cells, weight)
    before = abs(joint_chances(label, group) - true).mean()
    after = abs(found.joint(label, group) - true).mean()
    assert found.group_slope < 0.7
    assert after < before / 3


@pytest.mark.parametrize("known", [False, True])
def test_mean_chances_are_the_observed_shares(known):
    _, label, group, cells = people(n=500, sharpness=3.0)
    if known:
        group = np.eye(3)[cells[0]][:, :, None]
    weight = np.random.default_rng(1).random(500)
    weight /= weight.sum()
    share = np.zeros((3, 2))
    np.add.at(share, cells, weight)
    found = JointCalibration.fit(label, group, cells, weight, known_groups=known)
    joint = found.joint(label, group, known_groups=known)
    np.testing.assert_allclose(np.einsum("i,igy->gy", weight, joint), share, atol=1e-6)
    np.testing.assert_allclose(joint.sum(axis=(1, 2)), 1)
    if known:
        np.testing.assert_allclose(joint.sum(axis=2), group[:, :, 0], atol=1e-12)


def test_integer_weights_are_repeated_rows():
    _, label, group, cells = people(n=400)
    times = np.random.default_rng(2).integers(0, 4, 400)
    rows = np.repeat(np.arange(400), times)
    weighted = JointCalibration.fit(label, group, cells, times / times.sum())
    repeated = JointCalibration.fit(
        label[rows],
        group[rows],
        (cells[0][rows], cells[1][rows]),
        np.full(len(rows), 1 / len(rows)),
    )
    np.testing.assert_allclose(weighted.offsets, repeated.offsets, atol=1e-7)


def test_a_cell_without_people_and_chances_of_zero_are_survived():
    label = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    group = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])[:, :, None]
    cells = np.array([1, 0, 0, 1]), np.array([1, 0, 0, 1])
    found = JointCalibration.fit(label, group, cells, np.full(4, 0.25))
    joint = found.joint(label, group)
    assert np.isfinite(joint).all()
    np.testing.assert_allclose(joint.sum(axis=(1, 2)), 1)
