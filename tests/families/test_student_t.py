"""Student's t: from Cauchy to normal, tails beyond the numbers, the ends, and what it is for: wild y."""

import math

import numpy as np
import pytest
import torch
from mpmath import mp, mpf
from scipy import stats

import likeliest as lk
from likeliest.families import Normal, StudentT

FAMILY, F64, INF = StudentT(), torch.float64, math.inf


def column(*values):
    return torch.tensor(values, dtype=F64)


def drawn(seed, n=40):
    rng = np.random.default_rng(seed)
    return tuple(torch.from_numpy(rng.normal(size=n)) for _ in range(3)), torch.from_numpy(3 * rng.normal(size=n))


def scipys(eta):
    mean, log_scale, log_df = (c.numpy() for c in eta)
    return stats.t(np.exp(log_df), mean, np.exp(log_scale))


@pytest.mark.parametrize("level", [1e-6, 0.05, 0.5, 0.95])
def test_scipy_agrees(level):
    eta, y = drawn(0)
    judge = scipys(eta)
    for ours, theirs in (
        (FAMILY.log_prob(eta, y), judge.logpdf(y.numpy())),
        (FAMILY.cdf(eta, y), judge.cdf(y.numpy())),
        (FAMILY.quantile(eta, torch.full_like(y, level)), judge.ppf(level)),
    ):
        torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("log_df", [-7.0, -1.0, 0.0, 3.0, 30.0, 40.0])
@pytest.mark.parametrize("z", [-1e200, -40.0, -1.0, -1e-8, 0.0, 1e-3, 3.0])
def test_the_distribution_function_is_mpmaths(z, log_df):
    ours = float(FAMILY.cdf((column(0), column(0), column(log_df)), column(z)))
    with mp.workprec(120):
        df = mp.exp(mpf(log_df))
        rest = df / (df + mpf(z) ** 2)
        if log_df >= 30:
            below = mp.ncdf(-abs(mpf(z))) if z > -1e100 else mpf(0)
        elif rest < 0.5:
            below = mp.betainc(df / 2, 0.5, 0, rest, regularized=True) / 2
        else:
            density = mp.gamma((df + 1) / 2) / mp.gamma(df / 2) / mp.sqrt(mp.pi * df)
            below = mpf(1) / 2 - density * mp.quad(lambda t: (1 + t**2 / df) ** (-(df + 1) / 2), [0, abs(mpf(z))])
        exact = below if z < 0 else 1 - below
    assert ours == pytest.approx(float(exact), rel=1e-9 if log_df >= 30 else 1e-12, abs=1e-300)


@pytest.mark.parametrize("df", [0.3, 1.0, 2.0, 5.0, 30.0, 1e3, 1e20])
def test_quantiles_reach_to_the_ends(df):
    """Scipy's inverse gives +inf at level 0, and for 5 degrees of freedom already at 1e-300."""
    eta, level = (column(0), column(0), column(math.log(df))), column(0.0, 1e-300, 1e-200, 1 - 2**-53, 1.0)
    lowest, *inner, top = FAMILY.quantile(eta, level).tolist()
    assert (lowest, top) == (-INF, INF)
    for q, wanted in zip(inner, level[1:-1], strict=True):
        with mp.workprec(200):
            nu, below = mp.exp(mpf(math.log(df))), min(mpf(float(wanted)), 1 - mpf(float(wanted)))
            if math.isinf(q) or df > 1e15:
                continue
            rest = nu / (nu + mpf(q) ** 2)
            exact = mp.betainc(nu / 2, 0.5, 0, rest, regularized=True) / 2
        assert float(exact / below) == pytest.approx(1, rel=1e-9)
        assert (q > 0) == (wanted > 0.5)


def test_the_cauchy_and_the_normal_are_its_cases():
    y = torch.linspace(-30, 30, 61, dtype=F64)
    mean, log_scale = column(0.4), column(-0.3)
    cauchy = stats.cauchy(0.4, math.exp(-0.3)).logpdf(y.numpy())
    torch.testing.assert_close(FAMILY.log_prob((mean, log_scale, column(0.0)), y), torch.from_numpy(cauchy))
    for log_df in (INF, 1e308, 690.0, 80.0):
        eta = mean, log_scale, column(log_df)
        torch.testing.assert_close(FAMILY.log_prob(eta, y), Normal().log_prob(eta[:2], y), rtol=1e-14, atol=0)
        for ours, theirs in zip(FAMILY.score(eta, y), Normal().score(eta[:2], y), strict=False):
            torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-14)
        assert bool((FAMILY.score(eta, y)[2].abs() < 1e-25).all())
        torch.testing.assert_close(FAMILY.observed(eta, y)[:, :2, :2], Normal().observed(eta[:2], y))
        torch.testing.assert_close(FAMILY.fisher(eta)[0, :2, :2], Normal().fisher(eta[:2])[0])


@pytest.mark.parametrize("z", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("log_df", [15.0, 25.0, 36.7, 60.0])
def test_for_large_df_the_score_of_the_tail_is_its_leading_term(z, log_df):
    """(1 + 2z² − z⁴)/(4ν), where a difference of digammas has no digit left."""
    score = FAMILY.score((column(0), column(0), column(log_df)), column(z))[2]
    assert float(score) == pytest.approx((1 + 2 * z**2 - z**4) * math.exp(-log_df) / 4, rel=1e-4, abs=0)


@pytest.mark.parametrize(
    ("eta", "log_prob", "score"),
    [
        ((INF, 0.0, math.log(3)), -INF, (0, 3, -INF)),
        ((-INF, 0.0, math.log(3)), -INF, (0, 3, -INF)),
        ((2.0, -INF, 0.0), INF, (0, -1, None)),
        ((1.0, -INF, math.log(3)), -INF, (4, 3, -INF)),
        ((1.0, INF, 0.0), -INF, (0, -1, None)),
        ((1.5, 0.0, -INF), -INF, (2, 0, 1)),
        ((2.0, 0.0, -INF), -INF, (0, -1, 0.5)),
    ],
)
def test_the_table_of_ends(eta, log_prob, score):
    columns, y = tuple(map(column, eta)), column(2.0)
    assert FAMILY.log_prob(columns, y).item() == log_prob
    for ours, stated in zip(FAMILY.score(columns, y), score, strict=True):
        if stated is None:
            assert 0 < ours.item() < 1
        else:
            assert ours.item() == pytest.approx(stated, rel=1e-14, abs=1e-290)


def test_a_tail_beyond_all_numbers_has_a_density():
    """With z² and even z beyond the largest number, log p is still one: −s − ½(ν + 1) log(z²/ν) and a constant."""
    log_df = -2.0
    eta, y = (column(0.0), column(-690.0), column(log_df)), column(1e300)
    with mp.workprec(200):
        df = mp.exp(mpf(log_df))
        z = mpf(1e300) * mp.exp(690)
        exact = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(mp.pi * df) / 2 + 690
        exact -= (df + 1) / 2 * mp.log1p(z**2 / df)
    assert float(FAMILY.log_prob(eta, y)) == pytest.approx(float(exact), rel=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_autograd_agrees(seed):
    (mean, log_scale, log_df), y = drawn(seed, 12)
    y[:3], y[3:5] = mean[:3], column(1e6, -1e40)
    flat = torch.stack((mean, log_scale, 4 * log_df), -1)
    leaf = flat.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(FAMILY.log_prob(leaf.unbind(-1), y).sum(), leaf)
    torch.testing.assert_close(torch.stack(FAMILY.score(flat.unbind(-1), y), -1), gradient, rtol=1e-11, atol=1e-13)
    observed = FAMILY.observed(flat.unbind(-1), y)
    for i in range(12):
        hessian = torch.autograd.functional.hessian(
            lambda row, i=i: FAMILY.log_prob(row[:, None].unbind(0), y[i : i + 1])[0], flat[i]
        )
        torch.testing.assert_close(observed[i], -hessian, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("log_df", [-60.0, -4.0, 0.0, 2.0, 8.0, 8.6, 12.0, 25.0, 60.0])
def test_the_information_of_the_tail_is_mpmaths(log_df):
    with mp.workprec(600):
        df = mp.exp(mpf(log_df))
        exact = df**2 / 4 * (mp.psi(1, df / 2) - mp.psi(1, (df + 1) / 2)) - df * (df + 5) / (2 * (df + 1) * (df + 3))
    fisher = FAMILY.fisher((column(0), column(0), column(log_df)))[0]
    assert float(fisher[2, 2]) == pytest.approx(float(exact), rel=1e-9, abs=0)
    assert bool((torch.linalg.eigvalsh(fisher) >= -1e-15).all())


def test_the_deviation_exists_above_two_degrees_of_freedom():
    log_df = torch.log(column(0.5, 2.0, 3.0, 1e9))
    deviation = FAMILY.deviation((torch.zeros(4), torch.full((4,), 0.5, dtype=F64), log_df))
    expected = [INF, INF, math.exp(0.5) * math.sqrt(3), math.exp(0.5)]
    assert deviation.tolist() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("unit", [1.0, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
def test_null_eta_is_scipys_fit(unit, weighted):
    rng = np.random.default_rng(5)
    y, weight = 1e3 + unit * rng.standard_t(3, 200), rng.integers(0, 3, 200) if weighted else np.ones(200, int)
    null = FAMILY.null_eta(torch.from_numpy(y), torch.from_numpy(weight) if weighted else None)
    repeated = np.repeat(y, weight)
    df, location, scale = stats.t.fit((repeated - 1e3) / unit)
    assert null.tolist() == pytest.approx([1e3 + unit * location, math.log(unit * scale), math.log(df)], rel=1e-3)
    score = torch.stack(FAMILY.score(tuple(null[:, None]), torch.from_numpy(repeated)))
    assert (score.mean(-1) * column(unit, 1, 1)).abs().max() < 1e-8


def test_null_eta_at_the_ends():
    uniform = torch.linspace(-1, 1, 50, dtype=F64)
    assert FAMILY.null_eta(uniform).tolist() == pytest.approx([*Normal().null_eta(uniform).tolist(), INF], abs=1e-12)
    assert FAMILY.null_eta(torch.full((5,), 0.1, dtype=F64)).tolist()[:2] == [0.1, -INF]


@pytest.mark.parametrize("tail", ["estimated", "fixed", "predicted"])
def test_a_tail_is_estimated_fixed_or_predicted(tail):
    rng = np.random.default_rng(6)
    n = 4000
    x = rng.normal(size=(n, 1))
    df = np.exp(1.0 + (0.6 * x[:, 0] if tail == "predicted" else 0.0))
    y = 1 + 2 * x[:, 0] + 0.5 * rng.standard_t(df, n)
    chosen = {"estimated": lk.Constant(start=1.0), "fixed": lk.Fixed(1.0), "predicted": lk.Linear(1)}[tail]
    objective = lk.Objective(FAMILY, lk.Columns(mean=lk.Linear(1), log_scale=lk.Constant(), log_df=chosen), x, y)
    found = lk.fit(objective, "newton", theta=torch.zeros(objective.predictor.size, dtype=F64))
    assert found.verdict.good, found.verdict
    theta, error = found.theta, objective.at(found.theta).fisher_matrix().inverse().diagonal().div(n).sqrt()
    truth = [2, 1, math.log(0.5), *{"estimated": [1], "fixed": [], "predicted": [0.6, 1]}[tail]]
    assert bool(((theta - column(*truth)).abs() < 4 * error).all())


def test_a_wild_row_hardly_moves_the_line():
    x = np.linspace(-1, 1, 21)[:, None]
    noise = np.random.default_rng(7).normal(size=21) / 10
    wild = noise + 1000 * (np.arange(21) == 20)
    normal, robust = lk.GLMRegressor("normal").fit(x, x[:, 0] + wild), lk.GLMRegressor("student_t")
    assert abs(normal.coef_[0] - 1) > 50
    assert abs(robust.fit(x, x[:, 0] + wild).coef_[0] - 1) < 0.2
