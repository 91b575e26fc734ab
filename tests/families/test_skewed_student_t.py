"""Hansen's skewed t: arch's law, mean 0 and variance 1, no skewness, none of one side, the slope across its mode."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

import likeliest as lk
from likeliest.families import Normal, SkewedStudentT, StandardisedStudentT

FAMILY, F64, INF = SkewedStudentT(), torch.float64, math.inf
STANDARD = StandardisedStudentT()


def column(*values):
    return torch.tensor(values, dtype=F64)


def drawn(seed, n=40):
    rng = np.random.default_rng(seed)
    return tuple(torch.from_numpy(rng.normal(size=n)) for _ in range(4)), torch.from_numpy(3 * rng.normal(size=n))


@pytest.mark.parametrize("df", [2.2, 5.0, 40.0])
@pytest.mark.parametrize("lam", [-0.95, -0.3, 0.0, 0.6])
def test_arch_agrees(df, lam):
    univariate = pytest.importorskip("arch.univariate", reason="pip install arch==8.0.0")
    theirs, (mean, log_scale, *_), y = univariate.SkewStudent(), *drawn(1)
    error, variance = (y - mean).numpy(), torch.exp(2 * log_scale).numpy()
    shape = column(math.log(df - 2)), column(math.atanh(lam))
    z = error / np.sqrt(variance)
    expected = theirs.loglikelihood([df, lam], error, variance, individual=True)
    np.testing.assert_allclose(FAMILY.log_prob((mean, log_scale, *shape), y), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(FAMILY.cdf((mean, log_scale, *shape), y), theirs.cdf(z, [df, lam]), rtol=1e-10)
    levels = np.array([0.001, 0.05, 0.5, 0.99])
    ours = FAMILY.quantile((column(0), column(0), *shape), torch.from_numpy(levels))
    np.testing.assert_allclose(ours, theirs.ppf(levels, [df, lam]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_without_skewness_it_is_the_standardised_t(seed):
    (mean, log_scale, log_excess, _), y = drawn(seed)
    eta, level = (mean, log_scale, 3 * log_excess, column(0.0)), torch.linspace(0.01, 0.99, 40, dtype=F64)
    ours, theirs = FAMILY.log_prob_and_score(eta, y), STANDARD.log_prob_and_score(eta[:3], y)
    for found, expected in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=False):
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-14)
    for found, expected in (
        (FAMILY.cdf(eta, y), STANDARD.cdf(eta[:3], y)),
        (FAMILY.quantile(eta, level), STANDARD.quantile(eta[:3], level)),
        (FAMILY.tail_mean(eta, level), STANDARD.tail_mean(eta[:3], level)),
        (FAMILY.fisher(eta)[:, :3, :3], STANDARD.fisher(eta[:3])),
        (FAMILY.observed(eta, y)[:, :3, :3], STANDARD.observed(eta[:3], y)),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


def test_turned_upside_down_it_leans_the_other_way():
    (mean, log_scale, log_excess, skew), y = drawn(4)
    eta, mirrored = (mean, log_scale, log_excess, skew), (-mean, log_scale, log_excess, -skew)
    torch.testing.assert_close(FAMILY.log_prob(eta, y), FAMILY.log_prob(mirrored, -y), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(FAMILY.cdf(eta, y), 1 - FAMILY.cdf(mirrored, -y), rtol=1e-12, atol=1e-13)
    for sign, ours, theirs in zip((-1, 1, 1, -1), FAMILY.score(eta, y), FAMILY.score(mirrored, -y), strict=True):
        torch.testing.assert_close(ours, sign * theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("skew", [-2.0, -0.4, 0.0, 1.0])
def test_with_a_normal_tail_its_pieces_are_normal(skew):
    """Scipy has no law of two normal pieces; either piece is one about the mode."""
    lam, most = math.tanh(skew), 4 / math.sqrt(2 * math.pi)
    b = math.sqrt(1 + 3 * lam**2 - (lam * most) ** 2)
    y = torch.linspace(-4, 4, 33, dtype=F64)
    t = b * y.numpy() + lam * most
    expected = math.log(b) + stats.norm.logpdf(t / (1 + np.sign(t) * lam))
    for log_excess in (INF, 1e308, 690.0):
        eta = column(0.0), column(0.0), column(log_excess), column(skew)
        np.testing.assert_allclose(FAMILY.log_prob(eta, y), expected, rtol=1e-13, atol=1e-13)
        assert bool((FAMILY.score(eta, y)[2].abs() < 1e-25).all())


@pytest.mark.parametrize("seed", range(3))
def test_autograd_agrees(seed):
    (mean, log_scale, log_excess, skew), y = drawn(seed, 12)
    y[:3], y[3:5] = mean[:3], column(1e6, -1e40)
    flat = torch.stack((mean, log_scale, 3 * log_excess, skew), -1)
    leaf = flat.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(FAMILY.log_prob(leaf.unbind(-1), y).sum(), leaf)
    torch.testing.assert_close(torch.stack(FAMILY.score(flat.unbind(-1), y), -1), gradient, rtol=1e-10, atol=1e-12)
    observed = FAMILY.observed(flat.unbind(-1), y)
    for i in range(12):
        hessian = torch.autograd.functional.hessian(
            lambda row, i=i: FAMILY.log_prob(row[:, None].unbind(0), y[i : i + 1])[0], flat[i]
        )
        torch.testing.assert_close(observed[i], -hessian, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("skew", [-3.0, -0.5, 0.2, 2.0])
def test_the_score_is_continuous_across_the_mode_and_its_slope_is_not(skew):
    eta = column(0.3), column(-0.2), column(1.0), column(skew)
    mode = FAMILY.quantile(eta, 0.5 * (1 - column(skew).tanh()))
    near = mode + column(-1e-12, 1e-12)
    for below, above in FAMILY.score(eta, near):
        assert float(below) == pytest.approx(float(above), abs=1e-4)
    assert FAMILY.score(eta, mode)[0].item() == pytest.approx(0, abs=1e-11)
    bend_below, bend_above = FAMILY.observed(eta, near)[:, 0, 0].tolist()
    lam = math.tanh(skew)
    assert bend_below / bend_above == pytest.approx(((1 + lam) / (1 - lam)) ** 2, rel=1e-6)


@pytest.mark.parametrize("log_excess", [-3.0, 0.0, 2.0, 3.6, 12.0])
@pytest.mark.parametrize("skew", [-1.0, 0.1])
def test_rows_far_from_the_ends_get_what_they_get_beside_extreme_ones(log_excess, skew):
    rng = np.random.default_rng(3)
    y, log_scale = torch.from_numpy(rng.standard_t(3, 50)), torch.from_numpy(rng.normal(size=50))
    eta, among = (column(0.1), log_scale, column(log_excess), column(skew)), torch.cat((y, column(1e200)))
    wide = eta[0], torch.cat((log_scale, column(0.0))), eta[2], eta[3]
    alone, beside = FAMILY.log_prob_and_score(eta, y), FAMILY.log_prob_and_score(wide, among)
    for ours, theirs in zip((alone[0], *alone[1]), (beside[0], *beside[1]), strict=True):
        torch.testing.assert_close(ours, theirs[:-1], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("eta", "log_prob", "score"),
    [
        ((INF, 0.0, 0.0, 0.3), -INF, (0, 3, -INF, None)),
        ((2.0, -INF, 0.0, 0.3), INF, (INF, -1, None, None)),
        ((1.0, -INF, 0.0, 0.3), -INF, (4, 3, -INF, None)),
        ((1.0, INF, 0.0, 0.3), -INF, (0, -1, None, None)),
        ((1.0, 0.0, 0.0, -INF), -INF, (None, None, -INF, None)),
        ((1.5, 0.0, -INF, 0.3), -INF, (6, 2, 1, None)),
        ((2.0, 0.0, -INF, 0.3), INF, (0, -1, -0.5, None)),
    ],
)
def test_the_table_of_ends(eta, log_prob, score):
    columns, y = tuple(map(column, eta)), column(2.0)
    assert FAMILY.log_prob(columns, y).item() == log_prob
    for ours, stated in zip(FAMILY.score(columns, y), score, strict=True):
        if stated is None:
            assert math.isfinite(ours.item())
        else:
            assert ours.item() == pytest.approx(stated, rel=1e-14, abs=1e-290)


@pytest.mark.parametrize("skew", [-INF, -400.0, 400.0, INF])
def test_at_the_end_one_side_is_cut_off_at_the_mode(skew):
    """What is left is a half t with variance 1: its cdf, its quantiles and the mean of its tail."""
    sign, excess = math.copysign(1, skew), 3.0
    half = stats.t(2 + excess, scale=math.sqrt(excess / (2 + excess)))
    mean, square = half.expect(lambda x: 2 * x, lb=0), half.expect(lambda x: 2 * x**2, lb=0)
    spread = math.sqrt(square - mean**2)
    eta, levels = (column(0), column(0), column(math.log(excess)), column(skew)), np.array([0.0, 0.2, 0.7, 1.0])
    quantiles = FAMILY.quantile(eta, torch.from_numpy(levels)).numpy()
    upper = half.ppf(0.5 + levels / 2) if sign > 0 else -half.ppf(0.5 + (1 - levels) / 2)
    np.testing.assert_allclose(quantiles, (upper - sign * mean) / spread, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(FAMILY.cdf(eta, torch.from_numpy(quantiles)), levels, rtol=1e-12, atol=1e-12)
    outside = column(-sign * 3.0)
    assert FAMILY.log_prob(eta, outside).item() < -300
    assert FAMILY.tail_mean(eta, column(1.0)).item() == 0


def test_the_fisher_information_is_that_of_a_large_sample():
    eta, n = (column(0.2), column(-0.4), column(0.8), column(-0.6)), 400_000
    level = (torch.arange(n, dtype=F64) + 0.5) / n
    score = torch.stack(FAMILY.score(eta, FAMILY.quantile(eta, level)), -1)
    torch.testing.assert_close(score.mT @ score / n, FAMILY.fisher(eta)[0], rtol=1e-4, atol=1e-4)


def test_null_eta_at_the_ends():
    assert FAMILY.null_eta(torch.full((5,), 0.1, dtype=F64)).tolist()[:2] == [0.1, -INF]
    rng = np.random.default_rng(5)
    symmetric = torch.from_numpy(rng.normal(size=200))
    symmetric = torch.cat((symmetric, -symmetric))
    mean, log_scale, _, skew = FAMILY.null_eta(symmetric).tolist()
    assert [mean, log_scale] == pytest.approx(Normal().null_eta(symmetric).tolist(), abs=0.05)
    assert skew == pytest.approx(0, abs=1e-5)
    left = -torch.from_numpy(rng.gamma(3.0, size=300))
    assert FAMILY.null_eta(left)[3] < -0.3


def test_returns_that_fall_faster_than_they_rise():
    """The truth lies within 4 standard errors, and a fit without skewness is worse."""
    n = 4000
    truth = column(0.05, 0.3, 1.0, -0.35)
    y = FAMILY.sample(tuple(c.expand(n) for c in truth), np.random.default_rng(7))
    fits = {}
    for family in (FAMILY, STANDARD):
        columns = lk.Columns(**{name: lk.Constant() for name in family.columns})
        objective = lk.Objective(family, columns, np.zeros((n, 1)), y)
        fits[family.name] = lk.fit(objective, "newton", theta=torch.zeros(columns.size, dtype=F64)), objective
    (found, objective), (plain, without) = fits.values()
    assert found.verdict.good, found.verdict
    error = objective.at(found.theta).fisher_matrix().inverse().diagonal().div(n).sqrt()
    assert bool(((found.theta - truth).abs() < 4 * error).all())
    assert float(without.at(plain.theta).value - objective.at(found.theta).value) > 0.01
