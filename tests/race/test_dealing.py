"""What a seed deals: splits, units, the base rate, errors."""

import math

import numpy as np
import pytest
import torch

import likeliest as lk
from likeliest.data.split import split
from likeliest.errors import ShapeError, SpecificationError, TargetError
from likeliest.race.dealing import deal, parts_in_time, strata_of
from likeliest.rules import delta_rule


def objective(family="bernoulli", n=120, l2=0.0, predictor=None, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [1.0, 100.0, 0.01] + [0.0, 5.0, 2.0]
    eta = x @ [1.0, 0.01, -50.0] + 100
    y = {
        "bernoulli": (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
        "poisson": rng.poisson(np.exp(2 + 0.3 * eta)).astype(float),
        "normal": 500 + 40 * eta + rng.normal(size=n),
        "categorical": rng.integers(0, 4, n),
    }[family]
    made = predictor or {
        "categorical": lk.Linear(3, 4),
        "normal": lk.Columns(mean=lk.Linear(3), log_scale=lk.Constant()),
    }.get(family, lk.Linear(3))
    return lk.Objective(lk.family(family), made, x, y, l2=l2)


def test_seeds_split_differently_evenly_by_class_and_repeatably():
    whole = objective("categorical", n=200)
    y = whole.y.numpy()
    one, again, other = (deal(whole, None, y, 0.25, seed) for seed in (0, 0, 1))
    assert torch.equal(one.training.x, again.training.x)
    assert not torch.equal(one.training.x, other.training.x)
    assert one.training.n + one.validation.n == 200
    for label in range(4):
        count = int((y == label).sum())
        assert abs(int((one.validation.y == label).sum()) - count / 4) <= 2


@pytest.mark.parametrize("family", ["bernoulli", "categorical", "poisson", "normal"])
def test_columns_are_standardised_on_training_rows_alone(family):
    dealt = deal(objective(family), None, None, 0.25, 0)
    x = dealt.training.x
    torch.testing.assert_close(x.mean(0), torch.zeros(3, dtype=x.dtype), atol=1e-8, rtol=0)
    torch.testing.assert_close(x.std(0, correction=0), torch.ones(3, dtype=x.dtype))
    assert float(dealt.validation.x.mean(0).abs().max()) > 1e-3


@pytest.mark.parametrize("family", ["bernoulli", "categorical", "poisson", "normal"])
def test_a_linear_model_starts_at_the_base_rate_in_the_users_units(family):
    whole = objective(family)
    dealt = deal(whole, None, None, 0.25, 3)
    mean = dealt.training.y * math.exp(dealt.log_unit)
    start = float(dealt.training.at(torch.zeros_like(dealt.theta)).value) + dealt.log_unit
    if family == "normal":
        expected = 0.5 * math.log(2 * math.pi * float(mean.var(correction=0))) + 0.5
    elif family == "categorical":
        share = torch.bincount(dealt.training.y).double() / dealt.training.n
        expected = float(-(share * share.log()).sum())
    elif family == "bernoulli":
        p = float(mean.mean())
        expected = -(p * math.log(p) + (1 - p) * math.log1p(-p))
    else:
        expected = float(-torch.distributions.Poisson(mean.mean()).log_prob(mean).mean())
    assert start == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("family", ["bernoulli", "normal"])
def test_penalty_and_nll_are_those_of_the_same_model_in_the_users_units(family):
    """η = x̃ w̃ + b̃ + base, then y = shift + unit ỹ, undone by hand."""
    whole = objective(family, l2=0.3)
    dealt = deal(whole, None, None, 0.25, 0)
    raw = whole.subset(split(whole.n, stratify=False, seed=0, fractions=(0.75, 0.125, 0.125)).train)
    centre, scale = raw.x.mean(0), raw.x.std(0, correction=0)
    inside = torch.randn(dealt.theta.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w, b = inside[:3], inside[3]
    if family == "normal":
        shift, unit = raw.y.mean(), raw.y.std(correction=0)
        w, b = unit * w / scale, shift + unit * (b - (centre / scale) @ w)
        outside = torch.cat((w, b[None], inside[4:] + unit.log()))
    else:
        base = torch.logit(raw.y.mean())
        outside = torch.cat((w / scale, (b - (centre / scale) @ w + base)[None]))
    found = float(dealt.training.at(inside).value) + dealt.log_unit
    assert found == pytest.approx(float(raw.at(outside).value), rel=1e-10)
    assert float(raw.at(outside).value) > float(raw.replaced(l2=0.0).at(outside).value)


@pytest.mark.parametrize("rule", [lk.rule("adam"), delta_rule()])
@pytest.mark.parametrize("family", ["bernoulli", "categorical", "poisson", "normal"])
def test_errors_are_counted_by_hand(family, rule):
    dealt = deal(objective(family), None, None, 0.25, 0)
    runs = torch.randn(3, len(dealt.theta), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = dealt.reported_error(dealt.by_error(dealt.validation, rule).at(runs).value.numpy())
    linear, y = rule.name == "delta_rule", dealt.validation.y
    block = next(dealt.validation.blocks(runs, None))
    eta = block.eta[0] if family == "normal" else block.eta
    if family == "categorical":
        expected = (eta.argmax(-1) != y).double().mean(-1)
    elif family == "bernoulli":
        expected = ((eta[..., 0] > (0.5 if linear else 0.0)).double() != y).double().mean(-1)
    elif family == "poisson":
        expected = ((eta[..., 0] if linear else eta[..., 0].exp()) - y).square().mean(-1).sqrt()
    else:
        expected = (eta - y).square().mean(-1).sqrt() * math.exp(dealt.log_unit)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)


def test_a_module_takes_x_as_it_comes():
    whole = objective(predictor=lk.Module(torch.nn.Linear(3, 1).double()))
    x = deal(whole, None, None, 0.25, 0).training.x
    assert {tuple(row) for row in x.tolist()} <= {tuple(row) for row in whole.x.tolist()}


def test_a_constant_target_is_refused_with_its_remedy():
    x = torch.randn(40, 2).double()
    for family, y in (("bernoulli", torch.zeros(40)), ("normal", torch.full((40,), 3.0))):
        predictor = lk.Columns(mean=lk.Linear(2), log_scale=lk.Constant()) if family == "normal" else lk.Linear(2)
        whole = lk.Objective(lk.family(family), predictor, x, y)
        with pytest.raises(TargetError, match="seed 0 have a base rate on the boundary"):
            deal(whole, None, None, 0.25, 0)


def test_strata_are_what_y_names_or_what_is_given():
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    family = lk.family("bernoulli")
    np.testing.assert_array_equal(strata_of(family, y, None), y.numpy())
    assert strata_of(family, y, False) is None
    assert strata_of(lk.family("normal"), y + 0.5, None) is None
    np.testing.assert_array_equal(strata_of(family, y, [3, 1, 2, 0]), [3, 1, 2, 0])
    np.testing.assert_array_equal(strata_of(lk.family("categorical"), torch.eye(3), None), [0, 1, 2])
    with pytest.raises(ShapeError, match="one class a row"):
        strata_of(family, y, [1, 2])


@pytest.mark.parametrize("gap", [1, 7])
def test_rows_in_time_are_learnt_from_before_they_are_validated_on(gap):
    cuts = set()
    for seed in range(20):
        train, held = parts_in_time(200, 0.25, seed, gap)
        assert held[0] - train[-1] == gap
        assert np.array_equal(train, np.arange(len(train)))
        assert np.array_equal(held, np.arange(held[0], held[0] + 50))
        assert 100 <= held[0] <= 150
        cuts.add(int(held[0]))
    assert len(cuts) > 10


def test_a_race_in_time_says_what_gap_it_needs():
    x, y = torch.randn(80, 2), torch.arange(80) % 2
    with pytest.raises(SpecificationError, match="gap"):
        lk.race(x, y, family="bernoulli", predictor=lk.Linear(2), rules=["lbfgs"], gap=0)
    done = lk.race(x, y, family="bernoulli", predictor=lk.Linear(2), rules=["lbfgs"], seeds=2, budget=5, gap=3)
    assert len(done.table) == 1
