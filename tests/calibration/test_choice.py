"""The choice of a calibrator: by likelihood, not by luck; on simulated truths and on real nets."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

import likeliest as lk
from likeliest.calibration import CALIBRATORS, Identity, Temperature, calibrate, choice
from likeliest.calibration.choice import nll_of
from likeliest.errors import UnknownNameError
from likeliest.nets import fit_net


def truth(n, k, seed):
    rng = np.random.default_rng(seed)
    eta = 1.5 * rng.normal(size=(n, k))
    p = softmax(eta, -1)
    return eta, p, (rng.random((n, 1)) > p.cumsum(1)[:, :-1]).sum(1)


def test_true_probabilities_are_mostly_left_alone():
    kinds = [calibrate(*truth(300, 2, seed)[1:]).calibrator.kind for seed in range(9)]
    assert kinds.count("none") >= 6


def test_a_temperature_is_found_where_there_is_one():
    eta, _, y = truth(600, 3, 0)
    found = calibrate(softmax(2.0 * eta, -1), y)
    assert isinstance(found.calibrator, Temperature)
    assert found.calibrator.temperature == pytest.approx(2.0, rel=0.15)
    assert [trial.kind for trial in found.trials] == list(CALIBRATORS)


def test_a_curve_of_no_formula_is_found_with_many_rows():
    rng = np.random.default_rng(0)
    p = rng.random(4_000)
    y = rng.random(4_000) < np.where(p < 0.5, 0.2, 0.7)
    assert calibrate(p, y).calibrator.kind in ("isotonic", "venn_abers")


def test_trials_are_cross_validated_likelihoods():
    """With as many folds as rows there is one way to deal them: every row by the fit to all others."""
    p, y = truth(30, 3, 1)[1:]
    alone = [Temperature.fit(np.delete(p, i, 0), np.delete(y, i)).apply(p[i : i + 1])[0, y[i]] for i in range(30)]
    found = choice.held_out(p, y, None)
    nll = choice._out_of_fold_nll(Temperature, *found, np.arange(30))
    np.testing.assert_allclose(np.sort(nll), np.sort(-np.log(alone)), rtol=1e-12)


def test_a_trial_is_a_mean_and_its_paired_standard_error():
    p, y = truth(120, 3, 1)[1:]
    w = np.random.default_rng(0).random(120)
    rows, labels, weights = choice.held_out(p, y, w)
    nll = choice._out_of_fold_nll(Temperature, rows, labels, weights, choice._dealt(120, 5, 3))
    gain, share = nll_of(rows, labels) - nll, weights / weights.sum()
    trial = calibrate(p, y, w, seed=3).trials[1]
    assert trial.nll == pytest.approx(np.average(nll, weights=weights), rel=1e-12)
    assert trial.gain == pytest.approx(np.average(gain, weights=weights), rel=1e-9)
    assert trial.standard_error == pytest.approx(math.sqrt((share**2 * (gain - share @ gain) ** 2).sum()), rel=1e-9)
    even = calibrate(p, y).trials[1]
    assert 0 < even.standard_error < 0.1


def test_folds_share_out_the_errors():
    fold = choice._dealt(23, 5, 0)
    assert all(sorted(fold[i : i + 5]) == [0, 1, 2, 3, 4] for i in range(0, 20, 5))
    assert len(fold) == 23
    assert len(set(fold[20:])) == 3
    assert (fold != choice._dealt(23, 5, 1)).any()


def test_the_order_of_rows_changes_nothing_and_weights_repeat_them():
    eta, _, y = truth(200, 3, 2)
    p, w = softmax(2 * eta, -1), np.random.default_rng(0).random(200)
    order = np.random.default_rng(1).permutation(200)
    assert calibrate(p, y, w) == calibrate(p[order], y[order], w[order])
    assert calibrate(p, y, w, seed=1).trials != calibrate(p, y, w).trials
    zero = np.where(np.arange(200) < 50, 0.0, 1.0)
    assert calibrate(p, y, zero) == calibrate(p[50:], y[50:])


def test_the_order_of_classes_changes_nothing_though_rows_are_level():
    rng = np.random.default_rng(4)
    p = np.array([(0.5, 0.3, 0.2), (0.5, 0.1, 0.4), (0.5, 0.45, 0.05), (0.3, 0.1, 0.6)])[rng.integers(4, size=200)]
    y, order = rng.integers(3, size=200), np.array([2, 0, 1])
    kinds = ("none", "temperature", "isotonic")
    one, other = calibrate(p, y, kinds=kinds), calibrate(p[:, order], np.argsort(order)[y], kinds=kinds)
    assert [trial.nll for trial in one.trials] == pytest.approx([trial.nll for trial in other.trials], rel=1e-9)


def test_few_rows_are_left_alone_and_the_sentence_says_so():
    found = calibrate([[0.9, 0.1]] * 9, [0] * 9)
    assert isinstance(found.calibrator, Identity)
    assert "9 rows are too few" in found.statement


def test_json_is_plain_and_an_unknown_candidate_is_named():
    eta, _, y = truth(60, 2, 3)
    found = calibrate(softmax(eta, -1), y, kinds=("none", "beta"))
    values = found.to_json()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert [trial["kind"] for trial in values["trials"]] == ["none", "beta"]
    with pytest.raises(UnknownNameError, match=r"martian.*there are none, temperature"):
        calibrate(softmax(eta, -1), y, kinds=("martian",))


def test_a_certain_error_makes_no_infinity():
    p = np.tile([1.0, 0.0], (60, 1))
    found = calibrate(p, np.arange(60) == 0)
    assert math.isfinite(found.trials[0].nll)
    assert found.calibrator.kind != "none"
    assert 0.005 < found.calibrator.apply(p)[0, 1] < 0.1


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_wine])
def test_nets_that_are_too_sure_become_truer_or_stay(load):
    """Two seeds of three of the ten data sets of benchmarks/calibration.py, with smaller nets."""
    x, y = load(return_X_y=True)
    x, y = x[:600], y[:600]
    third = len(y) // 3
    for seed in range(2):
        train, validation, test = np.split(np.random.default_rng(seed).permutation(len(y)), [third, 2 * third])
        rows = torch.from_numpy((x - x[train].mean(0)) / np.maximum(x[train].std(0), 1e-9))
        family = lk.family("categorical")
        net = fit_net(family, rows[train], y[train], outputs=int(y.max()) + 1, hidden=(16,), budget=30, seed=seed)
        p = family.mean(net.predictor.forward(net.theta, rows)[0]).numpy()
        found = calibrate(p[validation], y[validation], seed=seed).calibrator
        before, after = nll_of(p[test], y[test]), nll_of(found.apply(p[test]), y[test])
        change = after - before
        assert change.mean() <= 0.005 * before.mean() + 2 * change.std() / math.sqrt(len(test))
