"""Asymmetric Laplace: scipy's density, the pinball loss, statsmodels' quantile regression, levels that are none."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from statsmodels.regression.quantile_regression import QuantReg

import likeliest as lk
from likeliest.errors import SpecificationError, UnknownNameError
from likeliest.families import AsymmetricLaplace, from_json

F64 = torch.float64
LEVELS = pytest.mark.parametrize("level", [0.05, 0.5, 0.7])


def scipys(level, location, scale):
    """Scipy's asymmetry is κ = √(τ/(1 − τ)), and its scale is ours over √(τ(1 − τ))."""
    return stats.laplace_asymmetric(math.sqrt(level / (1 - level)), location, scale / math.sqrt(level * (1 - level)))


@LEVELS
def test_scipy_agrees(level):
    rng, family = np.random.default_rng(0), AsymmetricLaplace(level)
    location, log_scale, y = (torch.from_numpy(rng.normal(size=30)) for _ in range(3))
    eta, judge = (location, log_scale), scipys(level, location.numpy(), np.exp(log_scale.numpy()))
    for ours, theirs in (
        (family.log_prob(eta, y), judge.logpdf(y.numpy())),
        (family.cdf(eta, y), judge.cdf(y.numpy())),
        (family.quantile(eta, torch.full_like(y, 0.95)), judge.ppf(0.95)),
        (family.quantile(eta, torch.full_like(y, 0.01)), judge.ppf(0.01)),
        (family.mean(eta), judge.mean()),
        (family.deviation(eta), judge.std()),
    ):
        torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=1e-12, atol=1e-13)


@LEVELS
def test_minus_log_prob_is_the_pinball_loss(level):
    residual = torch.tensor([-2.0, -0.5, 0.0, 0.5, 3.0], dtype=F64)
    eta = torch.zeros(5, dtype=F64), torch.zeros(1, dtype=F64)
    pinball = torch.where(residual < 0, (level - 1) * residual, level * residual)
    expected = math.log(level * (1 - level)) - pinball
    torch.testing.assert_close(AsymmetricLaplace(level).log_prob(eta, residual), expected, rtol=1e-14, atol=0)


@LEVELS
def test_on_the_kink_the_slope_is_the_mean_of_its_neighbours(level):
    family, y = AsymmetricLaplace(level), torch.tensor([-1e-9, 0.0, 1e-9], dtype=F64)
    below, on, above = family.score((torch.zeros(3, dtype=F64), torch.full((1,), 0.4, dtype=F64)), y)[0].tolist()
    assert on == pytest.approx((below + above) / 2, rel=1e-14, abs=1e-16)
    leaf = torch.zeros(3, dtype=F64, requires_grad=True)
    (auto,) = torch.autograd.grad(family.log_prob((leaf, torch.full((1,), 0.4, dtype=F64)), y).sum(), leaf)
    assert auto.tolist() == pytest.approx([below, on, above], rel=1e-14)


@LEVELS
def test_the_fisher_information_is_the_covariance_of_the_score(level):
    n, family = 400_000, AsymmetricLaplace(level)
    eta = torch.tensor([0.7], dtype=F64).expand(n), torch.tensor([-0.3], dtype=F64)
    y = family.sample(eta, np.random.default_rng(3))
    score = torch.stack(torch.broadcast_tensors(*family.score(eta, y)), -1)
    assert bool((score.mean(0).abs() < 5 * score.std(0) / math.sqrt(n)).all())
    torch.testing.assert_close(score.mT @ score / n, family.fisher((eta[0][:1], eta[1]))[0], rtol=0.02, atol=0.01)
    assert float((y < 0.7).double().mean()) == pytest.approx(level, abs=0.005)


@LEVELS
def test_its_maximum_is_statsmodels_quantile_regression(level):
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=(80, 2)), rng.standard_t(3, size=80)
    y = 1 + x @ [2.0, -1.0] + noise
    theirs = QuantReg(y, np.column_stack((np.ones(80), x))).fit(q=level, p_tol=1e-10, max_iter=5000).params
    family = AsymmetricLaplace(level)
    objective = lk.Objective(family, lk.Columns(quantile=lk.Linear(2), log_scale=lk.Fixed(0.0)), x, y)
    found = torch.from_numpy(np.append(theirs[1:], theirs[0]))
    there, step = objective.at(found).value, np.random.default_rng(2).normal(size=(50, 3))
    beside = objective.at(found + 1e-3 * torch.from_numpy(step)).value
    assert bool((beside > there).all())


def test_null_eta_is_the_empirical_quantile():
    y = torch.from_numpy(np.random.default_rng(4).normal(size=101))
    location, log_scale = AsymmetricLaplace(0.3).null_eta(y).tolist()
    assert location == sorted(y.tolist())[30]
    error = y - location
    assert math.exp(log_scale) == pytest.approx(float(torch.where(error < 0, -0.7 * error, 0.3 * error).mean()))


def test_the_level_is_a_setting():
    family = lk.family("asymmetric_laplace", level=0.9)
    assert family == AsymmetricLaplace(0.9)
    assert from_json(family.to_json()) == family
    with pytest.raises(UnknownNameError, match="no setting of asymmetric_laplace goes by the name 'tau'"):
        lk.family("asymmetric_laplace", tau=0.9)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 50, math.nan])
def test_a_level_lies_between_0_and_1(level):
    with pytest.raises(SpecificationError, match="level must be between 0 and 1"):
        AsymmetricLaplace(level)
