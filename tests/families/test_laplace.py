"""Laplace: scipy's density, the kink, the ends, the median as its maximum, and what the sign of a residual decides."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from likeliest.families import Laplace
from likeliest.families.location_scale import weighted_quantile

FAMILY = Laplace()
F64, INF = torch.float64, math.inf


def drawn(seed, n=40):
    rng = np.random.default_rng(seed)
    return (
        torch.from_numpy(rng.normal(size=n)),
        torch.from_numpy(rng.normal(size=n)),
        torch.from_numpy(rng.normal(size=n)),
    )


def test_scipy_agrees():
    mean, log_scale, y = drawn(0)
    eta, judge = (mean, log_scale), stats.laplace(mean.numpy(), np.exp(log_scale.numpy()))
    for ours, theirs in (
        (FAMILY.log_prob(eta, y), judge.logpdf(y.numpy())),
        (FAMILY.cdf(eta, y), judge.cdf(y.numpy())),
        (FAMILY.quantile(eta, torch.full_like(y, 0.95)), judge.ppf(0.95)),
        (FAMILY.quantile(eta, torch.full_like(y, 0.2)), judge.ppf(0.2)),
        (FAMILY.mean(eta), judge.mean()),
        (FAMILY.deviation(eta), judge.std()),
    ):
        torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("mean", "log_scale", "log_prob", "score"),
    [
        (INF, 0.0, -INF, (-1, INF)),
        (-INF, 1.0, -INF, (math.exp(-1), INF)),
        (2.0, 1.5, -1.5 - math.log(2), (0, -1)),
        (2.0, -INF, INF, (0, -1)),
        (1.0, -INF, -INF, (INF, INF)),
        (3.0, INF, -INF, (0, -1)),
        (2.0, -1e308, 1e308, (0, -1)),
    ],
)
def test_the_table_of_ends(mean, log_scale, log_prob, score):
    eta, y = (torch.tensor([mean], dtype=F64), torch.tensor([log_scale], dtype=F64)), torch.tensor([2.0], dtype=F64)
    assert FAMILY.log_prob(eta, y).item() == pytest.approx(log_prob, rel=1e-15)
    assert [column.item() for column in FAMILY.score(eta, y)] == pytest.approx(score, rel=1e-15)


def test_the_sign_of_a_residual_outlives_that_of_z():
    eta = torch.zeros(2, dtype=F64), torch.tensor([500.0], dtype=F64)
    score = FAMILY.score(eta, torch.tensor([1e-300, -1e-300], dtype=F64))[0]
    assert score.tolist() == pytest.approx([math.exp(-500), -math.exp(-500)], rel=1e-14)


def test_autograd_agrees_on_both_sides_and_takes_the_middle_on_the_kink():
    mean, log_scale, y = drawn(1)
    y[:5] = mean[:5]
    leaves = mean.clone().requires_grad_(), log_scale.clone().requires_grad_()
    gradient = torch.autograd.grad(FAMILY.log_prob(leaves, y).sum(), leaves)
    for ours, auto in zip(FAMILY.score((mean, log_scale), y), gradient, strict=True):
        torch.testing.assert_close(ours, auto, rtol=1e-13, atol=1e-15)
    assert FAMILY.score((mean, log_scale), y)[0][:5].tolist() == [0] * 5


def test_off_the_kink_observed_is_minus_the_hessian():
    mean, log_scale, y = drawn(2, 6)
    observed = FAMILY.observed((mean, log_scale), y)
    for i in range(6):
        hessian = torch.autograd.functional.hessian(
            lambda row, i=i: FAMILY.log_prob((row[:1], row[1:]), y[i : i + 1])[0], torch.stack((mean, log_scale), -1)[i]
        )
        torch.testing.assert_close(observed[i], -hessian, rtol=1e-12, atol=1e-13)


def test_the_fisher_information_is_the_covariance_of_the_score():
    n = 400_000
    eta = torch.tensor([0.7], dtype=F64).expand(n), torch.tensor([0.3], dtype=F64)
    y = FAMILY.sample(eta, np.random.default_rng(3))
    score = torch.stack(torch.broadcast_tensors(*FAMILY.score(eta, y)), -1)
    fisher = FAMILY.fisher((eta[0][:1], eta[1]))[0]
    torch.testing.assert_close(score.mT @ score / n, fisher, rtol=0.02, atol=0.01)


def test_null_eta_is_the_median_and_the_mean_absolute_deviation():
    y = torch.from_numpy(np.random.default_rng(4).normal(size=31))
    location, log_scale = FAMILY.null_eta(y).tolist()
    assert location == y.median()
    assert math.exp(log_scale) == pytest.approx(float((y - y.median()).abs().mean()))
    assert FAMILY.null_eta(torch.full((3,), 0.1, dtype=F64)).tolist() == [0.1, -INF]


@pytest.mark.parametrize("level", [0.02, 0.3, 0.5, 0.9])
def test_a_weight_is_that_many_rows(level):
    rng = np.random.default_rng(5)
    y, weight = torch.from_numpy(rng.normal(size=(3, 17))), torch.from_numpy(rng.integers(0, 4, 17))
    repeated = y.repeat_interleave(weight, -1)
    torch.testing.assert_close(
        weighted_quantile(y, weight.double(), level), weighted_quantile(repeated, None, level), rtol=0, atol=0
    )


@pytest.mark.parametrize("level", [0.1, 0.25, 0.5, 0.8])
def test_no_other_point_has_a_smaller_pinball_loss(level):
    y = torch.from_numpy(np.random.default_rng(6).normal(size=20))
    candidates = torch.cat((y, weighted_quantile(y, None, level)[None]))
    error = y - candidates[:, None]
    loss = torch.where(error > 0, level * error, (level - 1) * error).sum(-1)
    assert loss[-1] <= loss.min() + 1e-14
    assert bool((loss[-1] < loss[:-1] + 1e-14).all())


def test_zero_weights_do_not_matter():
    y, weight = torch.tensor([-9.0, 1.0, 2.0, 9.0], dtype=F64), torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=F64)
    assert weighted_quantile(y, weight, 1e-17).item() == 1
    assert weighted_quantile(y, weight, 1 - 1e-16).item() == 2
    assert weighted_quantile(y, weight, 0.5).item() == 1.5
