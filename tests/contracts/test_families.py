"""What every family promises, judged by scipy.stats, autograd, enumeration and quadrature.

A new family enters the table below and has its contract tested; what is its own stands in tests/families.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import optimize, stats

import likeliest as lk
from likeliest.errors import NotOnOfferError
from likeliest.families import Bernoulli, Categorical, Family, Normal, Poisson, from_json
from likeliest.interfaces import Eta

RUNS, ROWS = 3, 7
F64 = torch.float64


@dataclass(frozen=True)
class Case:
    """A family, how to draw η and y for it, and what it is in scipy."""

    name: str
    family: Family
    outputs: int
    y: Callable[[np.random.Generator, int], torch.Tensor]
    scipy: Callable[[np.ndarray], object]
    """η (…, K) → a frozen scipy distribution."""
    outcomes: Callable[[np.ndarray], tuple[torch.Tensor, torch.Tensor]]
    """η (K,) → points y (m,) and weights (m,) for which Σ w p(y|η) f(y) is E[f(y)]."""

    def __str__(self) -> str:
        return self.name

    def flat(self, seed: int, *lead: int) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng(seed).normal(size=(*lead, self.outputs)))

    def eta(self, flat: torch.Tensor) -> Eta:
        return flat.unbind(-1) if isinstance(self.family, Normal) else flat

    def flatten(self, eta: Eta) -> torch.Tensor:
        return torch.stack(torch.broadcast_tensors(*eta), -1) if isinstance(eta, tuple) else eta


def counts_of(top):
    return lambda eta: (torch.arange(top), torch.ones(top, dtype=F64))


def line(eta):
    """The trapezium rule over 12 standard deviations: exact to rounding for a smooth density."""
    y = torch.linspace(-12, 12, 1001, dtype=F64) * math.exp(eta[1]) + eta[0]
    return y, torch.full_like(y, float(y[1] - y[0]))


def softmax(eta):
    e = np.exp(eta - eta.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Labels:
    """scipy's multinomial of one trial, asked with labels."""

    def __init__(self, p):
        self.p = p

    def logpmf(self, y):
        return stats.multinomial.logpmf(np.eye(self.p.shape[-1])[y], 1, self.p)

    def mean(self):
        return self.p


CASES = [
    Case(
        "bernoulli",
        Bernoulli(),
        1,
        lambda rng, n: torch.from_numpy(rng.integers(0, 2, n)),
        lambda eta: stats.bernoulli(1 / (1 + np.exp(-eta[..., 0]))),
        counts_of(2),
    ),
    Case(
        "categorical",
        Categorical(),
        4,
        lambda rng, n: torch.from_numpy(rng.integers(0, 4, n)),
        lambda eta: Labels(softmax(eta)),
        counts_of(4),
    ),
    Case(
        "normal",
        Normal(),
        2,
        lambda rng, n: torch.from_numpy(rng.normal(size=n)),
        lambda eta: stats.norm(eta[..., 0], np.exp(eta[..., 1])),
        line,
    ),
    Case(
        "poisson",
        Poisson(),
        1,
        lambda rng, n: torch.from_numpy(rng.poisson(2.0, n)),
        lambda eta: stats.poisson(np.exp(eta[..., 0])),
        counts_of(150),
    ),
]
EVERY = pytest.mark.parametrize("case", CASES, ids=str)


def close(actual, expected, rtol=1e-12, atol=1e-13):
    torch.testing.assert_close(actual, torch.as_tensor(expected), rtol=rtol, atol=atol)


def row_and_outcomes(case, seed):
    """One η repeated over all outcomes, the outcomes, and their probabilities by scipy."""
    flat = case.flat(seed)
    y, weight = case.outcomes(flat.numpy())
    dist = case.scipy(flat.numpy())
    log_p = dist.logpdf(y.numpy()) if isinstance(case.family, Normal) else dist.logpmf(y.numpy())
    return case.eta(flat.expand(len(y), -1)), y, weight * torch.from_numpy(np.exp(log_p))


def test_the_table_holds_every_family_of_the_catalogue():
    assert {case.family for case in CASES} == set(lk.families())


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_log_prob_is_scipys(case, seed):
    flat = 2 * case.flat(seed, RUNS, ROWS)
    y = case.y(np.random.default_rng(seed), ROWS)
    dist = case.scipy(flat.numpy())
    expected = dist.logpdf(y.numpy()) if isinstance(case.family, Normal) else dist.logpmf(y.numpy())
    close(case.family.log_prob(case.eta(flat), y), expected)


@EVERY
@pytest.mark.parametrize("seed", range(3))
def test_probabilities_sum_to_one(case, seed):
    flat = case.flat(seed)
    y, weight = case.outcomes(flat.numpy())
    close((case.family.log_prob(case.eta(flat.expand(len(y), -1)), y).exp() * weight).sum(), torch.ones((), dtype=F64))


@EVERY
def test_mean_is_scipys(case):
    flat = case.flat(0, RUNS, ROWS)
    close(case.family.mean(case.eta(flat)), case.scipy(flat.numpy()).mean())


@pytest.mark.parametrize("case", [case for case in CASES if case.name in ("normal", "poisson")], ids=str)
def test_deviation_cdf_and_quantile_are_scipys(case):
    flat = case.flat(12, RUNS, ROWS)
    eta, dist = case.eta(flat), case.scipy(flat.numpy())
    y = torch.linspace(-1.0, 5.5, ROWS, dtype=F64)
    close(case.family.deviation(eta), dist.std())
    close(case.family.cdf(eta, y), dist.cdf(y.numpy()))
    for level in (0.05, 0.5, 0.95):
        close(case.family.quantile(eta, torch.tensor(level, dtype=F64)), dist.ppf(level))


@pytest.mark.parametrize("family", [Bernoulli(), Categorical()], ids=lambda family: family.name)
def test_classes_have_no_quantiles(family):
    eta, y = torch.zeros(2, 1), torch.zeros(2)
    for function in (lambda: family.deviation(eta), lambda: family.cdf(eta, y), lambda: family.quantile(eta, y)):
        with pytest.raises(NotOnOfferError, match="its y are classes; read the probabilities with mean"):
            function()


@EVERY
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0], ids=["zero", "moderate", "far"])
def test_score_is_the_gradient_of_log_prob(case, scale):
    """Zero has all of η tied and, with y = 0, a residual of nothing: no rule about ±inf may bend the slope there."""
    leaf = (scale * case.flat(1, RUNS, ROWS)).requires_grad_()
    y = case.y(np.random.default_rng(1), ROWS) * (scale > 0)
    (gradient,) = torch.autograd.grad(case.family.log_prob(case.eta(leaf), y).sum(), leaf)
    close(case.flatten(case.family.score(case.eta(leaf.detach()), y)), gradient, rtol=1e-12, atol=1e-15)


@EVERY
def test_log_prob_and_score_are_what_each_is_alone(case):
    eta, y = case.eta(case.flat(2, RUNS, ROWS)), case.y(np.random.default_rng(2), ROWS)
    log_prob, score = case.family.log_prob_and_score(eta, y)
    close(log_prob, case.family.log_prob(eta, y))
    close(case.flatten(score), case.flatten(case.family.score(eta, y)))


@EVERY
@pytest.mark.parametrize("seed", range(3))
def test_the_score_has_mean_zero_and_its_covariance_is_the_fisher_information(case, seed):
    eta, y, p = row_and_outcomes(case, seed)
    score = case.flatten(case.family.score(eta, y))
    close(p @ score, torch.zeros(case.outputs, dtype=F64), atol=1e-11)
    fisher = case.family.fisher(eta)[0]
    close((score * p[:, None]).mT @ score, fisher, rtol=1e-11, atol=1e-12)
    close((p[:, None, None] * case.family.observed(eta, y)).sum(0), fisher, rtol=1e-11, atol=1e-12)


@EVERY
@pytest.mark.parametrize("scale", [0.0, 1.0], ids=["zero", "moderate"])
def test_observed_is_minus_the_hessian_of_log_prob(case, scale):
    flat, y = scale * case.flat(3, ROWS), case.y(np.random.default_rng(3), ROWS)
    for i in range(ROWS):
        hessian = torch.autograd.functional.hessian(
            lambda row, i=i: case.family.log_prob(case.eta(row[None]), y[i : i + 1])[0], flat[i]
        )
        close(case.family.observed(case.eta(flat), y)[i], -hessian, atol=1e-12)


@EVERY
def test_products_are_the_matrices_times_the_vector(case):
    flat, v = case.flat(4, RUNS, ROWS), case.flat(5, RUNS, ROWS)
    eta, y = case.eta(flat), case.y(np.random.default_rng(4), ROWS)
    family = case.family
    for times, matrix in (
        (family.fisher_times(eta, case.eta(v)), family.fisher(eta)),
        (family.observed_times(eta, y, case.eta(v)), family.observed(eta, y)),
    ):
        assert matrix.shape == (RUNS, ROWS, case.outputs, case.outputs)
        close(case.flatten(times), (matrix @ v[..., None])[..., 0])


@EVERY
def test_runs_are_what_each_is_alone(case):
    flat, y = case.flat(6, RUNS, ROWS), case.y(np.random.default_rng(6), ROWS)
    functions = (
        lambda eta: case.family.log_prob(eta, y),
        lambda eta: case.flatten(case.family.score(eta, y)),
        lambda eta: case.family.log_prob(eta, y.expand(*case.flatten(eta).shape[:-1])),
        lambda eta: case.family.mean(eta),
        lambda eta: case.family.fisher(eta),
        lambda eta: case.flatten(case.family.linear_error(eta, y)),
    )
    for function in functions:
        alone = torch.stack([function(case.eta(run)) for run in flat])
        close(function(case.eta(flat)), alone, rtol=1e-15, atol=0)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_the_score_is_the_callers_to_overwrite_and_has_the_precision_of_eta(case, dtype):
    flat = case.flat(7, RUNS, ROWS).to(dtype)
    kept, y = flat.clone(), case.y(np.random.default_rng(7), ROWS)
    assert case.family.log_prob(case.eta(flat), y).dtype == dtype
    score = case.flatten(case.family.score(case.eta(flat), y))
    assert score.dtype == dtype
    assert score.shape == flat.shape
    score.mul_(0)
    assert torch.equal(flat, kept)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_no_nan_comes_out_at_the_ends(case, dtype):
    ends = (math.inf, -math.inf, 1e308, -1e308, 1e4, -1e4, 0.0)
    flat = torch.tensor(list(itertools.product(ends, repeat=case.outputs)), dtype=dtype)
    eta, family = case.eta(flat), case.family
    outcomes = [0, 1, 3] if case.name in ("categorical", "poisson", "normal") else [0, 1]
    for y in outcomes:
        rows = torch.full((len(flat),), y)
        log_prob, score = family.log_prob_and_score(eta, rows)
        results = [log_prob, family.log_prob(eta, rows), case.flatten(score), family.mean(eta)]
        results += [case.flatten(family.score(eta, rows)), family.fisher(eta), family.observed(eta, rows)]
        assert not any(result.isnan().any() for result in results)
        if case.name != "normal":
            assert bool((log_prob <= 0).all())


@EVERY
def test_nan_stays_visible(case):
    for k in range(case.outputs):
        flat = torch.zeros(1, case.outputs, dtype=F64)
        flat[0, k] = math.nan
        for y in (torch.tensor([0]), torch.tensor([1])):
            log_prob, score = case.family.log_prob_and_score(case.eta(flat), y)
            assert log_prob.isnan().all()
            assert case.flatten(score).isnan().any()


@EVERY
def test_samples_repeat_and_have_the_mean_and_the_score_of_their_eta(case):
    """By the central limit theorem the mean score, a first or second moment, is within 5 standard errors of 0."""
    n = 40_000
    flat = case.flat(8)
    eta = case.eta(flat.expand(n, -1))
    y = case.family.sample(eta, np.random.default_rng(8))
    assert torch.equal(y, case.family.sample(eta, np.random.default_rng(8)))
    assert y.shape == (n,)
    case.family.check_support(y, case.outputs)
    spread = case.family.fisher(case.eta(flat[None]))[0].diagonal().sqrt()
    error = case.flatten(case.family.score(eta, y)).mean(0).abs()
    assert bool((error <= 5 * spread / math.sqrt(n)).all())


@EVERY
@pytest.mark.parametrize("weighted", [False, True])
def test_null_eta_maximises_the_likelihood(case, weighted):
    rng = np.random.default_rng(9)
    y = case.y(rng, 60)
    weight = torch.from_numpy(rng.uniform(0.5, 2, 60)) if weighted else None
    w = torch.ones(60, dtype=F64) if weight is None else weight

    def nll(row):
        eta = case.eta(torch.as_tensor(row, dtype=F64).expand(60, -1))
        return -float((w * case.family.log_prob(eta, y)).sum())

    null = case.family.null_eta(y, weight, case.outputs)
    best = optimize.minimize(nll, np.zeros(case.outputs), tol=1e-12)
    assert nll(null) <= best.fun + 1e-10
    assert nll(null) == pytest.approx(best.fun, rel=1e-8)
    score = case.flatten(case.family.score(case.eta(null.expand(60, -1)), y))
    close(w @ score, torch.zeros(case.outputs, dtype=F64), atol=1e-11)


@pytest.mark.parametrize("case", [case for case in CASES if case.name != "normal"], ids=str)
def test_along_the_recession_cone_log_prob_never_falls_and_elsewhere_it_does(case):
    y = case.y(np.random.default_rng(10), ROWS)
    cone = case.family.recession_cone(y, case.outputs)
    assert cone.dtype == F64
    rng, inside = np.random.default_rng(11), 0
    for _ in range(30):
        step = torch.from_numpy(rng.integers(-1, 2, (ROWS, case.outputs))).double()
        within = (torch.einsum("nmk,nk->nm", cone, step) >= 0).all(-1)
        path = torch.stack([case.family.log_prob(case.flat(10, ROWS) + t * step, y) for t in (0.0, 1.0, 10.0, 300.0)])
        rises = (path.diff(dim=0) >= -1e-12).all(0)
        assert torch.equal(rises, within)
        inside += int(within.sum())
    assert 0 < inside < 30 * ROWS


@EVERY
def test_a_family_is_rebuilt_from_its_json(case):
    assert from_json(case.family.to_json()) == case.family
    assert lk.family(case.family.name) == case.family == lk.family(case.family.name, case.family.link)


@EVERY
def test_a_family_says_what_it_is(case):
    family = case.family
    texts = (family.support, family.formula, family.log_prob_formula, family.mean_formula, family.score_formula)
    assert all((*texts, family.source, family.link))
    assert family.formula.startswith("p(y|")
    assert family.columns is None or len(family.columns) == case.outputs
