"""The standardised t: arch's and scipy's law, its variance, the normal and ν = 2 at its ends, numbers one by one."""

import math

import numpy as np
import pytest
import torch
from mpmath import mp, mpf
from scipy import stats

import likeliest as lk
from likeliest.families import Normal, StandardisedStudentT, StudentT
from likeliest.families.standardised_student_t import Tail
from likeliest.numerics import log_gamma_half_step, log_gamma_half_step_slope

FAMILY, F64, INF = StandardisedStudentT(), torch.float64, math.inf


def column(*values):
    return torch.tensor(values, dtype=F64)


def drawn(seed, n=40):
    rng = np.random.default_rng(seed)
    return tuple(torch.from_numpy(rng.normal(size=n)) for _ in range(3)), torch.from_numpy(3 * rng.normal(size=n))


@pytest.mark.parametrize("level", [1e-6, 0.05, 0.5, 0.95])
def test_scipy_agrees(level):
    eta, y = drawn(0)
    mean, log_scale, log_excess = (c.numpy() for c in eta)
    df = 2 + np.exp(log_excess)
    judge = stats.t(df, mean, np.exp(log_scale) * np.sqrt((df - 2) / df))
    for ours, theirs in (
        (FAMILY.log_prob(eta, y), judge.logpdf(y.numpy())),
        (FAMILY.cdf(eta, y), judge.cdf(y.numpy())),
        (FAMILY.quantile(eta, torch.full_like(y, level)), judge.ppf(level)),
        (FAMILY.deviation(eta), judge.std()),
    ):
        torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("df", [2.2, 5.0, 40.0])
def test_arch_agrees(df):
    univariate = pytest.importorskip("arch.univariate", reason="pip install arch==8.0.0")
    theirs, (mean, log_scale, _), y = univariate.StudentsT(), *drawn(1)
    error, variance = (y - mean).numpy(), torch.exp(2 * log_scale).numpy()
    eta, z = (mean, log_scale, column(math.log(df - 2))), error / np.sqrt(variance)
    expected = theirs.loglikelihood([df], error, variance, individual=True)
    np.testing.assert_allclose(FAMILY.log_prob(eta, y), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(FAMILY.cdf(eta, y), theirs.cdf(z, [df]), rtol=1e-11)
    levels = np.array([0.001, 0.05, 0.5, 0.99])
    ours = FAMILY.quantile((column(0), column(0), eta[2]), torch.from_numpy(levels))
    np.testing.assert_allclose(ours, theirs.ppf(levels, [df]), rtol=1e-11, atol=1e-13)


def test_it_is_students_t_by_another_scale():
    (mean, log_scale, log_excess), y = drawn(2)
    df = 2 + log_excess.exp()
    student = mean, log_scale + 0.5 * torch.log(log_excess.exp() / df), df.log()
    torch.testing.assert_close(FAMILY.log_prob((mean, log_scale, log_excess), y), StudentT().log_prob(student, y))


@pytest.mark.parametrize("log_excess", [INF, 1e308, 690.0, 80.0])
def test_the_normal_is_its_end(log_excess):
    y = torch.linspace(-30, 30, 61, dtype=F64)
    eta = column(0.4), column(-0.3), column(log_excess)
    torch.testing.assert_close(FAMILY.log_prob(eta, y), Normal().log_prob(eta[:2], y), rtol=1e-14, atol=0)
    for ours, theirs in zip(FAMILY.score(eta, y), Normal().score(eta[:2], y), strict=False):
        torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-14)
    assert bool((FAMILY.score(eta, y)[2].abs() < 1e-25).all())
    torch.testing.assert_close(FAMILY.observed(eta, y)[:, :2, :2], Normal().observed(eta[:2], y))
    torch.testing.assert_close(FAMILY.fisher(eta)[0, :2, :2], Normal().fisher(eta[:2])[0])


@pytest.mark.parametrize(
    ("eta", "log_prob", "score"),
    [
        ((INF, 0.0, 0.0), -INF, (0, 3, -INF)),
        ((-INF, 0.0, 0.0), -INF, (0, 3, -INF)),
        ((2.0, -INF, 0.0), INF, (0, -1, None)),
        ((1.0, -INF, 0.0), -INF, (4, 3, -INF)),
        ((1.0, INF, 0.0), -INF, (0, -1, None)),
        ((1.0, INF, -INF), -INF, (0, -1, -0.5)),
        ((1.5, 0.0, -INF), -INF, (6, 2, 1)),
        ((2.0, 0.0, -INF), INF, (0, -1, -0.5)),
    ],
)
def test_the_table_of_ends(eta, log_prob, score):
    columns, y = tuple(map(column, eta)), column(2.0)
    assert FAMILY.log_prob(columns, y).item() == log_prob
    for ours, stated in zip(FAMILY.score(columns, y), score, strict=True):
        if stated is None:
            assert -0.5 < ours.item() < 0
        else:
            assert ours.item() == pytest.approx(stated, rel=1e-14, abs=1e-290)


@pytest.mark.parametrize("seed", range(3))
def test_autograd_agrees(seed):
    (mean, log_scale, log_excess), y = drawn(seed, 12)
    y[:3], y[3:5] = mean[:3], column(1e6, -1e40)
    flat = torch.stack((mean, log_scale, 4 * log_excess), -1)
    leaf = flat.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(FAMILY.log_prob(leaf.unbind(-1), y).sum(), leaf)
    torch.testing.assert_close(torch.stack(FAMILY.score(flat.unbind(-1), y), -1), gradient, rtol=1e-11, atol=1e-13)
    observed = FAMILY.observed(flat.unbind(-1), y)
    for i in range(12):
        hessian = torch.autograd.functional.hessian(
            lambda row, i=i: FAMILY.log_prob(row[:, None].unbind(0), y[i : i + 1])[0], flat[i]
        )
        torch.testing.assert_close(observed[i], -hessian, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("log_excess", [-3.0, 0.0, 2.0, 3.4, 3.6, 12.0])
def test_rows_far_from_the_ends_get_what_they_get_beside_extreme_ones(log_excess):
    rng = np.random.default_rng(3)
    y, log_scale = torch.from_numpy(rng.standard_t(3, 50)), torch.from_numpy(rng.normal(size=50))
    eta, among = (column(0.1), log_scale, column(log_excess)), torch.cat((y, column(1e200)))
    wide = eta[0], torch.cat((log_scale, column(0.0))), eta[2]
    alone, beside = FAMILY.log_prob_and_score(eta, y), FAMILY.log_prob_and_score(wide, among)
    for ours, theirs in zip((alone[0], *alone[1]), (beside[0], *beside[1]), strict=True):
        torch.testing.assert_close(ours, theirs[:-1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("excess", [1e-30, 1e-3, 0.4, 3.0, 20.0, 29.9, 100.0, 1e5, 1e15, 1e60])
def test_special_functions_of_one_number_are_those_of_tensors_and_mpmaths(excess):
    tail, x = Tail.of(math.log(excess)), column(0.5 * excess + 1)
    with mp.workprec(400):
        at = mp.exp(mpf(math.log(excess))) / 2 + 1
        step = mp.loggamma(at + 0.5) - mp.loggamma(at) - mp.log(at) / 2
        slope = at * (mp.digamma(at + 0.5) - mp.digamma(at)) - 0.5
    assert [tail.step, tail.slope] == pytest.approx([float(step), float(slope)], rel=1e-13)
    numerics = [log_gamma_half_step(x).item(), log_gamma_half_step_slope(x).item()]
    assert [tail.step, tail.slope] == pytest.approx(numerics, rel=1e-13)


@pytest.mark.parametrize("shape", [(1,), (3, 1), (12, 1), (3, 5), (12, 5)])
def test_a_column_of_any_shape_broadcasts(shape):
    """One number, some, or one a row: each goes its own way."""
    log_excess = torch.from_numpy(np.random.default_rng(4).normal(size=shape))
    y = torch.linspace(-2, 3, 5, dtype=F64)
    log_prob, score = FAMILY.log_prob_and_score((column(0.1), column(-0.2), log_excess), y)
    spread = torch.broadcast_to(log_excess, log_prob.shape)
    each = [
        FAMILY.log_prob_and_score((column(0.1), column(-0.2), d), at)
        for d, at in zip(spread.reshape(-1, 1), y.expand(spread.shape).reshape(-1, 1), strict=True)
    ]
    torch.testing.assert_close(log_prob.flatten(), torch.cat([value for value, _ in each]), rtol=1e-13, atol=1e-14)
    for k, column_of in enumerate(score):
        assert column_of.shape == log_prob.shape
        torch.testing.assert_close(column_of.flatten(), torch.cat([s[k] for _, s in each]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("family", [FAMILY, lk.family("skewed_student_t")], ids=lambda family: family.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_y_of_another_precision_is_taken_in_the_finer_one(family, dtype):
    y = torch.tensor([-2.0, 0.0, 1.0, 7.0]).to(dtype)
    eta = tuple(column(0.1) for _ in family.columns)
    log_prob, score = family.log_prob_and_score(eta, y)
    expected, slopes = family.log_prob_and_score(eta, y.double())
    for ours, theirs in zip((log_prob, *score), (expected, *slopes), strict=True):
        assert ours.dtype == F64
        assert torch.equal(ours, theirs)


def test_no_axis_is_lost():
    one = torch.zeros(1, 1, dtype=F64)
    assert FAMILY.log_prob((one, one, one), torch.zeros(4, dtype=F64)).shape == (1, 4)
    assert FAMILY.log_prob((one[0], one[0], one[0]), torch.zeros((), dtype=F64)).shape == (1,)
    assert FAMILY.log_prob((one[0], one[0], one[0]), torch.zeros(0, dtype=F64)).shape == (0,)


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_null_eta_is_scipys_fit(unit):
    y = 1e3 + unit * np.random.default_rng(5).standard_t(4, 200)
    null = FAMILY.null_eta(torch.from_numpy(y))
    df, location, scale = stats.t.fit((y - 1e3) / unit)
    log_sd = math.log(unit * scale * math.sqrt(df / (df - 2)))
    assert null.tolist() == pytest.approx([1e3 + unit * location, log_sd, math.log(df - 2)], rel=1e-3, abs=1e-3)


def test_null_eta_at_the_ends():
    uniform = torch.linspace(-1, 1, 50, dtype=F64)
    assert FAMILY.null_eta(uniform).tolist() == pytest.approx([*Normal().null_eta(uniform).tolist(), INF], abs=1e-12)
    assert FAMILY.null_eta(torch.full((5,), 0.1, dtype=F64)).tolist()[:2] == [0.1, -INF]
    wild = torch.from_numpy(np.random.default_rng(8).standard_cauchy(300))
    _, log_scale, log_excess = FAMILY.null_eta(wild).tolist()
    assert -60 < log_excess < -10 < 5 < log_scale
    assert -0.5 < log_scale + 0.5 * log_excess < 2


def test_volatility_is_the_scale_of_a_fit():
    """With the scale a line and the tail a constant, the truth lies within 4 standard errors."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(4000, 1))
    y = np.exp(0.4 * x[:, 0] - 1) * rng.standard_t(5, 4000) * math.sqrt(3 / 5)
    columns = lk.Columns(mean=lk.Constant(), log_scale=lk.Linear(1), log_df_above_two=lk.Constant())
    objective = lk.Objective(FAMILY, columns, x, y)
    found = lk.fit(objective, "newton", theta=torch.zeros(columns.size, dtype=F64))
    assert found.verdict.good, found.verdict
    error = objective.at(found.theta).fisher_matrix().inverse().diagonal().div(4000).sqrt()
    assert bool(((found.theta - column(0, 0.4, -1, math.log(3))).abs() < 4 * error).all())


@pytest.mark.parametrize("log_excess", [-40.0, -3.0, 1.8, 8.2, 8.3, 50.0])
def test_the_information_of_one_nu_is_that_of_a_column(log_excess):
    eta = (column(0.2), column(-4.0), column(log_excess))
    many = FAMILY.fisher_entries(tuple(c.expand(3) for c in eta))
    for at, entry in FAMILY.fisher_entries(eta).items():
        torch.testing.assert_close(entry.expand(3), many[at], rtol=1e-11, atol=1e-40)
