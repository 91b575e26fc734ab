"""What every family promises, judged by scipy.stats, mpmath, autograd, enumeration and quadrature.

A new family enters the table in laws.py and has its contract tested; what is its own stands in tests/families.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from mpmath import mp, mpf
from scipy import optimize

import likeliest as lk
from likeliest.errors import NotOnOfferError, SupportError
from likeliest.families import from_json
from likeliest.families.ctc import frames_needed

from ..exact.references import reference
from .laws import F64, TRIALS, all_cases, enumerated

RUNS, ROWS = 3, 7
CASES = all_cases()
EVERY = pytest.mark.parametrize("case", CASES, ids=str)


def those(condition):
    return pytest.mark.parametrize("case", [case for case in CASES if condition(case.family)], ids=str)


OF_ROWS = those(lambda family: family.event_dims == 1)


def close(actual, expected, rtol=1e-12, atol=1e-13):
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=rtol, atol=atol)


def test_the_table_holds_every_family_of_the_catalogue():
    assert {case.family for case in CASES} >= set(lk.families())


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_log_prob_is_scipys(case, seed):
    flat, y = case.flat(seed, RUNS, ROWS), case.y(np.random.default_rng(seed), ROWS)
    close(case.family.log_prob(case.eta(flat), y), case.log_p(flat, y))


@EVERY
@pytest.mark.parametrize("seed", range(3))
def test_probabilities_sum_to_one(case, seed):
    flat = case.flat(seed)
    y, weight = map(torch.from_numpy, case.outcomes(flat.numpy()))
    total = (case.family.log_prob(case.eta(flat.expand(len(y), -1)), y).exp() * weight).sum()
    close(total, torch.ones((), dtype=F64))


@EVERY
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0], ids=["zero", "moderate", "far"])
def test_score_is_the_gradient_of_log_prob(case, scale):
    """Zero has all of η tied and, with y = 0, a residual of nothing: no rule about ±inf may bend the slope there."""
    leaf, y = spread(case, scale, 1, RUNS, ROWS).requires_grad_(), case.y(np.random.default_rng(1), ROWS)
    if scale == 0 and case.name != "gamma":
        y = torch.tensor([0.0, TRIALS]).expand(ROWS, 2) if case.name == "binomial" else y * 0
    (gradient,) = torch.autograd.grad(case.family.log_prob(case.eta(leaf), y).sum(), leaf)
    close(case.flatten(case.family.score(case.eta(leaf.detach()), y)), gradient, rtol=1e-12, atol=1e-14)


def spread(case, scale, seed, *lead):
    """η so many times as far from 0, but inside the domain."""
    flat = case.flat(seed, *lead)
    if case.family.link in ("identity", "inverse", "log") and case.name in ("bernoulli", "binomial", "gamma"):
        return torch.cat((flat[..., :1], scale * flat[..., 1:]), -1)
    return scale * flat


@EVERY
def test_log_prob_and_score_are_what_each_is_alone(case):
    eta, y = case.eta(case.flat(2, RUNS, ROWS)), case.y(np.random.default_rng(2), ROWS)
    log_prob, score = case.family.log_prob_and_score(eta, y)
    close(log_prob, case.family.log_prob(eta, y))
    close(case.flatten(score), case.flatten(case.family.score(eta, y)))


@EVERY
@pytest.mark.parametrize("seed", range(3))
def test_the_score_has_mean_zero_and_its_covariance_is_the_fisher_information(case, seed):
    eta, y, p = case.row_and_outcomes(seed)
    score = case.flatten(case.family.score(eta, y))
    close(p @ score, torch.zeros(case.outputs, dtype=F64), atol=1e-11)
    covariance = torch.einsum("n,nj,nk->jk", p, score, score)
    if case.family.has_fisher:
        trials = case.family.trials(y)
        close(covariance, case.family.fisher(eta)[0] * (1 if trials is None else trials[0]), rtol=1e-11, atol=1e-12)
    if case.family.smooth:
        bend = torch.einsum("n,njk->jk", p, case.family.observed(eta, y))
        close(bend, covariance, rtol=1e-11, atol=1e-12)


@those(lambda family: not family.has_fisher)
def test_a_fisher_information_that_nobody_knows_is_refused(case):
    flat = case.flat(3, ROWS)
    with pytest.raises(NotOnOfferError):
        case.family.fisher_times(case.eta(flat), case.eta(flat))


@EVERY
def test_observed_is_minus_the_exact_hessian_of_log_prob(case):
    """By mpmath, whose references are judged in test_exact.py; the softmax, which has none there, by autograd.

    A sequence has its Hessian by autograd from the sum over all paths.
    """
    flat, y = case.flat(3, ROWS), alignable(case, case.y(np.random.default_rng(3), ROWS))
    found = case.family.observed(case.eta(flat), y)
    for row, given, observed in zip(flat, y, found, strict=True):
        if case.name == "categorical":
            hessian = torch.autograd.functional.hessian(lambda e, g=given: case.family.log_prob(e, g), row)
        elif case.event:
            possible = bool(torch.isfinite(enumerated(row, given)))
            hessian = (
                torch.autograd.functional.hessian(lambda e, g=given: enumerated(e, g), row)
                if possible
                else 0 * observed
            )
        else:
            with mp.workprec(200):
                exact = reference(case.family)(
                    tuple(map(mpf, row.tolist())), tuple(map(mpf, given.reshape(-1).tolist()))
                )
            hessian = torch.tensor([[float(entry) for entry in line] for line in exact.hessian], dtype=F64)
        close(observed, -hessian, atol=1e-12)


def alignable(case, y):
    """Texts that have a path; the empty one in place of others."""
    return y * (frames_needed(y) <= case.event[0])[:, None] if case.event else y


@EVERY
def test_products_are_the_matrices_times_the_vector(case):
    flat, v = case.flat(4, RUNS, ROWS), case.flat(5, RUNS, ROWS)
    eta, y, family = case.eta(flat), case.y(np.random.default_rng(4), ROWS), case.family
    products = [(family.observed_times(eta, y, case.eta(v)), family.observed(eta, y))]
    if family.has_fisher:
        products.append((family.fisher_times(eta, case.eta(v)), family.fisher(eta)))
    for times, matrix in products:
        assert matrix.shape == (RUNS, ROWS, case.outputs, case.outputs)
        close(case.flatten(times), (matrix @ v[..., None])[..., 0])


@EVERY
def test_runs_are_what_each_is_alone(case):
    flat, y, family = case.flat(6, RUNS, ROWS), case.y(np.random.default_rng(6), ROWS), case.family
    functions = [
        lambda eta: family.log_prob(eta, y),
        lambda eta: case.flatten(family.score(eta, y)),
        lambda eta: family.log_prob(eta, y.expand(*case.flatten(eta).shape[:-2], *y.shape)),
        lambda eta: family.mean(eta),
        lambda eta: family.observed(eta, y),
    ]
    if not case.event:
        functions.append(lambda eta: case.flatten(family.linear_error(eta, y)))
    for function in functions:
        alone = torch.stack([function(case.eta(run)) for run in flat])
        close(function(case.eta(flat)), alone, rtol=1e-15, atol=0)


@those(lambda family: family.columns is not None and len(family.columns) > 1)
def test_columns_that_are_constant_broadcast(case):
    """A scale (…, 1) that all rows share gives what n copies of it give."""
    flat, y, family = case.flat(6, RUNS, ROWS), case.y(np.random.default_rng(6), ROWS), case.family
    flat[..., 1:] = flat[..., :1, 1:]
    full, short = case.eta(flat), tuple(c if k == 0 else c[..., :1] for k, c in enumerate(case.eta(flat)))
    close(family.log_prob(short, y), family.log_prob(full, y), rtol=1e-15)
    close(case.flatten(family.score(short, y)), case.flatten(family.score(full, y)), rtol=1e-15)
    assert all(column.shape == (RUNS, ROWS) for column in family.score(short, y))
    close(family.observed(short, y), family.observed(full, y), rtol=1e-15)
    close(family.mean(short).expand(RUNS, ROWS), family.mean(full), rtol=1e-15)


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
def test_what_comes_out_has_the_precision_of_eta(case, dtype):
    flat, y, family = case.flat(7, RUNS, ROWS).to(dtype), case.y(np.random.default_rng(7), ROWS), case.family
    eta, v = case.eta(flat), case.eta(torch.ones_like(flat))
    results = [
        family.mean(eta),
        case.flatten(family.observed_times(eta, y, v)),
        family.sample(eta, np.random.default_rng()),
    ]
    results += [case.flatten(family.fisher_times(eta, v))] if family.has_fisher else []
    for ask in (lambda: family.deviation(eta), lambda: family.cdf(eta, y), lambda: family.deviance(eta, y)):
        try:
            results.append(ask())
        except NotOnOfferError:
            continue
    assert {result.dtype for result in results} - {torch.int64} == {dtype}


@EVERY
def test_nan_stays_visible(case):
    for k, column in itertools.product(range(case.outputs), range(2)):
        flat = case.flat(0, 1)
        flat[0, k] = math.nan
        y = case.y(np.random.default_rng(column), 1)
        log_prob, score = case.family.log_prob_and_score(case.eta(flat), y)
        assert log_prob.isnan().all()
        assert case.flatten(score).isnan().any()


@OF_ROWS
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
    assert null.shape == (case.outputs,)
    assert null.dtype == F64
    start = case.flat(0).numpy()
    starts = (start, null.numpy() + 0.01)
    search = {"method": "Nelder-Mead", "tol": 1e-12, "options": {"maxiter": 4000}}
    best = min(optimize.minimize(nll, at, **search).fun for at in starts)
    assert nll(null) <= best + 1e-10
    if case.family.smooth:
        score = case.flatten(case.family.score(case.eta(null.expand(60, -1)), y))
        close(w @ score, torch.zeros(case.outputs, dtype=F64), atol=1e-11)


@OF_ROWS
def test_null_eta_of_several_targets_is_what_each_is_alone(case):
    y = torch.stack([case.y(np.random.default_rng(seed), 40) for seed in range(RUNS)])
    alone = torch.stack([case.family.null_eta(one, None, case.outputs) for one in y])
    close(case.family.null_eta(y, None, case.outputs), alone, rtol=1e-9)


@EVERY
def test_along_the_recession_cone_log_prob_never_falls_and_elsewhere_it_does(case):
    y = case.y(np.random.default_rng(10), ROWS)
    cone = case.family.recession_cone(y, case.outputs)
    if cone is None:
        pytest.skip("nothing is said")
    assert cone.dtype == F64
    rng, inside = np.random.default_rng(11), 0
    start = case.flat(10, ROWS)
    for _ in range(30):
        step = torch.from_numpy(rng.integers(-1, 2, (ROWS, case.outputs))).double()
        within = (torch.einsum("nmk,nk->nm", cone, step) >= 0).all(-1)
        path = torch.stack([case.family.log_prob(case.eta(start + t * step), y) for t in (0.0, 1.0, 10.0, 300.0)])
        falls = path.diff(dim=0) < -1e-12
        assert torch.equal(~falls.any(0), within)
        inside += int(within.sum())
    assert 0 < inside < 30 * ROWS


WRONG = {
    "bernoulli": (-0.1, 1.1, math.nan, math.inf),
    "binomial": ((-1.0, 2.0), (1.0, -1e-300), (math.nan, 1.0), (math.inf, 1.0)),
    "categorical": (-1, 4),
    "ctc": ((-1, 0, 0), (1, 3, 0), (1, 0, 1), (0, 0, 2)),
    "poisson": (-1.0, math.nan, math.inf),
    "negative_binomial": (-1.0, math.nan, math.inf),
    "gamma": (0.0, -1.0, math.nan, math.inf),
}


@EVERY
def test_what_cannot_occur_is_refused_with_its_row(case):
    y = case.y(np.random.default_rng(12), ROWS)
    case.family.check_support(y, case.columns)
    for bad in WRONG.get(case.name, (math.nan, math.inf, -math.inf)):
        wrong = y.clone() if case.name in ("categorical", "ctc") else y.double()
        wrong[3] = torch.as_tensor(bad, dtype=wrong.dtype)
        with pytest.raises(SupportError, match="row 3"):
            case.family.check_support(wrong, case.columns)


@EVERY
def test_a_family_is_rebuilt_from_its_json(case):
    assert from_json(case.family.to_json()) == case.family
    assert lk.family(case.name, case.family.link, **case.family.settings) == case.family


@EVERY
def test_a_family_says_what_it_is(case):
    family = case.family
    texts = (family.support, family.formula, family.log_prob_formula, family.mean_formula, family.score_formula)
    assert all((*texts, family.source, family.link))
    assert family.formula.startswith("p(y|")
    assert family.columns is None or len(family.columns) == case.outputs
