"""The driver: verdicts with evidence, the best θ, refusals, traces, and optima that statsmodels and scipy confirm."""

import dataclasses
import math

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy import optimize
from torch import distributions

import likeliest as lk
from likeliest.course import ARITHMETIC_LIMIT
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError, UnknownNameError
from likeliest.interfaces import Need, VerdictKind
from likeliest.randomness import stream
from likeliest.rules import Rule
from likeliest.rules.second_order import irls, newton

F64 = torch.float64
N, P = 120, 4


def data(family, seed=0, n=N, p=P):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    eta = x @ rng.standard_normal(p) * 0.7 + 0.3
    draw = {
        "bernoulli": lambda: (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
        "poisson": lambda: rng.poisson(np.exp(eta)).astype(float),
        "normal": lambda: eta + rng.standard_normal(n),
        "categorical": lambda: (eta[:, None] * [0, 1, -1] + rng.gumbel(size=(n, 3))).argmax(1),
    }
    return torch.from_numpy(x), torch.from_numpy(draw[family]())


def predictor(family, p=P):
    if family == "normal":
        return lk.Columns(mean=lk.Linear(p), log_scale=lk.Fixed(0.0))
    return lk.Linear(p, 3 if family == "categorical" else 1)


def make(family="bernoulli", seed=0, l2=0.0, **kw):
    x, y = data(family, seed)
    return lk.Objective(lk.family(family), predictor(family), x, y, l2=l2, **kw)


def zeros(objective, runs=None):
    shape = (objective.predictor.size,) if runs is None else (runs, objective.predictor.size)
    return torch.zeros(shape, dtype=F64)


def net(seed=0, **kw):
    x, y = data("categorical", seed)
    return lk.Objective(lk.family("categorical"), lk.MLP((P, 6, 3), activation="tanh"), x, y, **kw)


FAMILIES = pytest.mark.parametrize("family", ["bernoulli", "poisson", "normal", "categorical"])


# Optima


@FAMILIES
@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_newton_reaches_the_optimum_that_scipy_finds(family, l2):
    objective = make(family, l2=l2)

    def value_and_grad(t):
        local = objective.at(torch.from_numpy(t))
        return float(local.value), local.grad.numpy().copy()

    judge = optimize.minimize(
        value_and_grad, zeros(objective).numpy(), jac=True, method="BFGS", options={"gtol": 1e-10}
    )
    found = lk.fit(objective, "newton", tolerance=1e-12)
    assert found.verdict.kind is VerdictKind.CONVERGED
    assert float(objective.at(found.theta).value) == pytest.approx(judge.fun, abs=1e-14)
    assert float(objective.at(found.theta).grad.abs().max()) <= 1e-12
    gauge = objective.gauge
    free = torch.eye(len(found.theta)).double() if gauge is None else torch.eye(len(found.theta)) - gauge @ gauge.mT
    torch.testing.assert_close(free @ found.theta, free @ torch.from_numpy(judge.x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("family", ["bernoulli", "poisson", "normal"])
def test_coefficients_are_those_of_statsmodels(family):
    objective = make(family)
    kinds = {"bernoulli": sm.families.Binomial(), "poisson": sm.families.Poisson(), "normal": sm.families.Gaussian()}
    design = sm.add_constant(objective.x.numpy(), prepend=False)
    judge = sm.GLM(objective.y.numpy(), design, family=kinds[family]).fit(tol=1e-14)
    found = lk.fit(objective, "irls", tolerance=1e-12)
    np.testing.assert_allclose(found.theta.numpy(), judge.params, rtol=1e-8)


@FAMILIES
def test_newton_is_irls_under_a_canonical_link(family):
    objective = make(family, l2=0.5)
    path = {}
    for rule in (newton(), irls()):
        steps = [lk.fit(objective, rule, theta=zeros(objective), budget=lk.Budget(steps=s)).theta for s in range(1, 6)]
        path[rule.name] = torch.stack(steps)
    torch.testing.assert_close(path["newton"], path["irls"], rtol=1e-12, atol=1e-12)


def test_a_net_without_hidden_layers_is_logistic_regression():
    x, y = data("categorical")
    theta = 0.1 * torch.randn(15, dtype=F64, generator=torch.Generator().manual_seed(0))
    linear, flat = (lk.Objective(lk.family("categorical"), p, x, y, l2=0.3) for p in (lk.Linear(P, 3), lk.MLP((P, 3))))
    for rule, batch in (("adam", 16), ("lbfgs", None), ("newton", None)):
        budget = lk.Budget(steps=5)
        a, b = (lk.fit(o, rule, theta=theta, batch_size=batch, budget=budget) for o in (linear, flat))
        torch.testing.assert_close(a.theta, b.theta, rtol=1e-10, atol=1e-12)


@FAMILIES
@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_standardising_inside_leaves_the_optimum_where_it_was(family, l2):
    objective = make(family, l2=l2)
    scale = torch.tensor([1e-2, 1.0, 30.0, 500.0]).double()
    moved = objective.replaced(x=objective.x * scale + torch.tensor([0.0, 3.0, -50.0, 1e3]).double())
    inside = lk.fit(moved, "newton", standardise=True, tolerance=1e-12)
    assert inside.verdict.kind is VerdictKind.CONVERGED
    local = moved.at(inside.theta)
    weight = moved.predictor.parts[next(iter(moved.predictor.parts))].slice
    in_units = local.grad[weight].view(P, -1) / scale[:, None]
    assert float(in_units.abs().max()) < 1e-9
    plain = lk.fit(moved, "newton", tolerance=1e-9)
    assert float(local.value) <= float(moved.at(plain.theta).value) + 1e-13


def test_standardising_inside_needs_a_predictor_that_keeps_its_form():
    x, y = data("bernoulli")
    objective = lk.Objective(lk.family("bernoulli"), lk.Module(torch.nn.Linear(P, 1).double(), outputs=1), x, y)
    with pytest.raises(NotOnOfferError, match="implicitly standardised"):
        lk.fit(objective, "lbfgs", standardise=True)


# Verdicts


def test_converged_comes_with_its_proof():
    objective = make()
    found = lk.fit(objective, "newton")
    verdict = found.verdict
    assert verdict.good
    assert verdict.evidence["gradient_norm"] == float(objective.at(found.theta).grad.abs().max()) <= 1e-8
    assert verdict.evidence["newton_decrement"] < 1e-8
    assert verdict.evidence["value"] == float(objective.at(found.theta).value)
    assert verdict.evidence["start"] == pytest.approx(math.log(2))
    assert verdict.evidence["steps"] == len(found.trace) - 1


def test_budget_says_how_far_it_was():
    objective = make()
    found = lk.fit(objective, lk.rule("gradient_descent", lr=0.1), budget=lk.Budget(steps=3))
    assert found.verdict.kind is VerdictKind.BUDGET
    assert not found.verdict.good
    assert found.verdict.evidence["steps"] == 3
    assert f"{float(objective.at(found.theta).grad.abs().max()):.1e}" in found.verdict.message
    assert "allow more passes" in found.verdict.message
    assert found.verdict.evidence["passes"] == found.trace.records[-1].work == pytest.approx(3.0)


def test_a_budget_in_passes_counts_work():
    found = lk.fit(make(), lk.rule("gradient_descent", lr=0.1), budget=7)
    assert found.verdict.evidence["steps"] == 7
    epochs = lk.fit(make(), lk.rule("sgd", lr=0.1), batch_size=30, budget=7)
    assert (epochs.verdict.evidence["steps"], epochs.work) == (28, pytest.approx(7.0))


def test_diverged_names_both_values():
    found = lk.fit(make("poisson"), lk.rule("gradient_descent", lr=0.9), budget=lk.Budget(steps=1))
    assert found.verdict.kind is VerdictKind.DIVERGED
    assert "lower the learning rate" in found.verdict.message
    assert found.verdict.evidence["value"] > found.verdict.evidence["start"]


def test_non_finite_keeps_the_last_finite_theta():
    objective = make("poisson")
    found = lk.fit(objective, lk.rule("gradient_descent", lr=50.0), budget=100)
    assert found.verdict.kind is VerdictKind.NON_FINITE
    assert "smaller learning rate" in found.verdict.message
    assert bool(torch.isfinite(found.theta).all())
    assert bool(torch.isfinite(objective.at(found.theta).value))


def test_non_finite_from_the_start_says_so():
    objective = make("poisson")
    found = lk.fit(objective, "adam", theta=torch.full((5,), math.nan, dtype=F64))
    assert found.verdict.kind is VerdictKind.NON_FINITE
    assert "from the start" in found.verdict.message


def test_plateau_returns_the_best_on_held_out_rows():
    train, held = net(0), net(1)
    held = train.held_out(held.x, held.y)
    found = lk.fit(train, lk.rule("adam", lr=0.05), batch_size=20, budget=200, validation=held, patience=4)
    assert found.verdict.kind is VerdictKind.PLATEAU
    assert found.verdict.good
    seen = found.trace.column("validation")[:, 0]
    best = int(seen.argmin())
    assert len(seen) == best + 1 + 4
    assert float(held.at(found.theta).value) == seen[best] == found.verdict.evidence["value"]
    assert float(train.at(found.theta).value) == found.trace.records[best].value[0]


def test_without_patience_the_best_is_kept_all_the_same():
    train, held = net(0), net(1)
    held = train.held_out(held.x, held.y)
    found = lk.fit(train, lk.rule("adam", lr=0.1), batch_size=20, budget=30, validation=held)
    assert found.verdict.kind is VerdictKind.BUDGET
    seen = found.trace.column("validation")[:, 0]
    assert float(held.at(found.theta).value) == seen.min() < seen[-1]


@dataclasses.dataclass(frozen=True)
class Interrupted(Rule):
    """Steps of descent, and Ctrl-C at one of them."""

    at: int = 3
    lr: float = 0.1

    def step(self, local, state):
        if state.step == self.at:
            raise KeyboardInterrupt
        return local.theta - self.lr * local.grad


@pytest.mark.parametrize(("batch", "at"), [(None, 3), (30, 10), (None, 0)])
def test_ctrl_c_ends_a_fit_with_what_it_has(batch, at):
    objective = make()
    found = lk.fit(objective, Interrupted(at), batch_size=batch, theta=zeros(objective))
    assert found.verdict.kind is VerdictKind.INTERRUPTED
    assert "stopped by the user" in found.verdict.message
    assert found.verdict.evidence["steps"] == at
    assert float(objective.at(found.theta).value) == found.trace.records[-1].value[0]
    assert (len(found.trace) > 1) == (at > 0)


def test_ctrl_c_while_measuring_the_start_also_ends_well():
    objective = make()

    def stop(progress):
        raise KeyboardInterrupt

    assert lk.fit(objective, "adam", callbacks=[stop]).verdict.kind is VerdictKind.INTERRUPTED


def test_ctrl_c_before_anything_was_measured_gives_the_start_back():
    objective = make()
    start = torch.ones(P + 1, dtype=F64)

    def interrupted(*args, **kw):
        raise KeyboardInterrupt

    objective.at = interrupted
    found = lk.fit(objective, "adam", theta=start, batch_size=10)
    assert found.verdict.kind is VerdictKind.INTERRUPTED
    assert torch.equal(found.theta, start)
    assert len(found.trace) == 0


def test_ctrl_c_is_not_explained_away():
    x = torch.arange(10.0, dtype=F64)[:, None]
    separable = lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, (x[:, 0] > 4).double())
    assert lk.fit(separable, "newton").verdict.kind is VerdictKind.SEPARATED
    assert lk.fit(separable, Interrupted(5)).verdict.kind is VerdictKind.INTERRUPTED


@dataclasses.dataclass(frozen=True)
class GivingUp(Rule):
    """A search that finds no lower point."""

    def step(self, local, state):
        state.outcome = "no step lowers the objective"
        return local.theta


def test_a_search_that_fails_at_the_limit_of_its_arithmetic_has_converged():
    objective = make()
    optimum = lk.fit(objective, "newton").theta
    near = lk.fit(objective, GivingUp(), theta=optimum + 1e-6, tolerance=1e-12)
    assert near.verdict.kind is VerdictKind.CONVERGED
    assert 1e-12 < near.verdict.evidence["gradient_norm"] <= ARITHMETIC_LIMIT
    far = lk.fit(objective, GivingUp(), theta=optimum + 0.1)
    assert far.verdict.kind is VerdictKind.BUDGET
    assert "no step lowers the objective after 1 steps" in far.verdict.message


def test_a_verdict_of_many_runs_is_asked_for_run_by_run():
    objective = make()
    found = lk.fit(objective, "adam", theta=zeros(objective, 3), budget=2)
    assert len(found.verdicts) == 3
    with pytest.raises(ShapeError, match="this fit has 3 runs"):
        _ = found.verdict


# Refusals before the first step


@dataclasses.dataclass(frozen=True)
class Counting(Rule):
    """A rule that must never be asked to step."""

    wants: frozenset = frozenset({Need.HESSIAN})

    @property
    def needs(self):
        return self.wants

    def step(self, local, state):
        raise AssertionError("stepped")


def test_what_is_not_on_offer_is_refused_before_the_first_step():
    with pytest.raises(NotOnOfferError, match="counting needs HESSIAN; categorical on MLP does not offer it"):
        lk.fit(net(), Counting())
    with pytest.raises(NotOnOfferError, match="newton needs all rows at every step"):
        lk.fit(make(), "newton", batch_size=10)
    with pytest.raises(SpecificationError, match="batch_size must be at least 1, found 0"):
        lk.fit(make(), "sgd", batch_size=0)
    with pytest.raises(ShapeError, match=r"θ needs the shape \(5,\) or \(runs, 5\), found \(4,\)"):
        lk.fit(make(), "sgd", theta=torch.zeros(4))
    with pytest.raises(UnknownNameError, match="no rule is called 'adamm'"):
        lk.fit(make(), "adamm")
    with pytest.raises(SpecificationError, match="needs an end: give its budget passes or steps"):
        lk.fit(make(), "sgd", batch_size=10, budget=lk.Budget())


# Runs, seeds, traces


@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"])
def test_run_i_in_lockstep_is_the_run_alone(rule):
    objective = net(l2=0.1)
    theta = torch.stack([objective.predictor.init([np.random.default_rng(s)], F64)[0] for s in range(4)])
    budget = lk.Budget(steps=100)
    together = lk.fit(objective, rule, theta=theta, batch_size=16, budget=budget)
    for i in range(4):
        alone = lk.fit(objective, rule, theta=theta[i], batch_size=16, budget=budget)
        torch.testing.assert_close(together.theta[i], alone.theta, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(together.trace.column("value")[:, i], alone.trace.column("value")[:, 0], rtol=1e-10)


def test_runs_of_their_own_rates_share_the_start():
    objective = net()
    rates = torch.tensor([[0.01], [0.1]], dtype=F64)
    together = lk.fit(objective, lk.rule("adam", lr=rates), batch_size=16, budget=5, seed=3)
    for i, rate in enumerate((0.01, 0.1)):
        alone = lk.fit(objective, lk.rule("adam", lr=rate), batch_size=16, budget=5, seed=3)
        torch.testing.assert_close(together.theta[i], alone.theta, rtol=1e-10, atol=1e-10)
    given = lk.fit(objective, lk.rule("adam", lr=rates), theta=torch.zeros(objective.predictor.size).double(), budget=1)
    assert given.theta.shape == (2, objective.predictor.size)


def test_a_lost_run_does_not_touch_the_others():
    objective = net()
    start = objective.predictor.init([np.random.default_rng(0)], F64)[0]
    theta = torch.stack((start, torch.full_like(start, math.nan), start))
    found = lk.fit(objective, lk.rule("adam", lr=0.01), theta=theta, batch_size=16, budget=3)
    assert [v.kind for v in found.verdicts] == [VerdictKind.BUDGET, VerdictKind.NON_FINITE, VerdictKind.BUDGET]
    alone = lk.fit(objective, lk.rule("adam", lr=0.01), theta=start, batch_size=16, budget=3)
    torch.testing.assert_close(found.theta[0], alone.theta, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_same_seed_same_bytes_another_seed_another_path(dtype):
    x, y = data("categorical")
    objective = lk.Objective(lk.family("categorical"), lk.MLP((P, 6, 3)), x.to(dtype), y)
    runs = [lk.fit(objective, "adam", batch_size=16, budget=3, seed=s) for s in (5, 5, 6)]
    assert torch.equal(runs[0].theta, runs[1].theta)
    assert np.array_equal(runs[0].trace.column("value"), runs[1].trace.column("value"))
    assert not torch.equal(runs[0].theta, runs[2].theta)


def test_theta_given_stays_as_it_was():
    objective = make()
    theta = zeros(objective)
    lk.fit(objective, "sgd", theta=theta, batch_size=10, budget=2)
    assert not theta.any()


def test_the_trace_holds_what_was_measured():
    objective, held = make(), make(seed=1)
    seen = []
    found = lk.fit(
        objective, lk.rule("sgd", lr=0.2), batch_size=30, budget=3, measure_every=0.5, validation=held,
        theta=zeros(objective), callbacks=[lambda progress: seen.append(progress.record)],
    )  # fmt: skip
    assert [r.step for r in found.trace] == [0, 2, 4, 6, 8, 10, 12]
    assert [r.work for r in found.trace] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3])
    assert found.trace.records == seen
    assert found.trace.column("value").shape == (7, 1)
    assert found.trace.column("validation")[0, 0] == pytest.approx(math.log(2))
    assert found.trace.column("grad_norm").shape == (0,)
    assert all(np.diff([r.seconds for r in found.trace]) >= 0)
    last = next(iter(lk.fit(objective, "newton", budget=lk.Budget(steps=1)).trace))
    assert last.grad_norm[0] == float(objective.at(zeros(objective)).grad.abs().max())


def test_measuring_at_chosen_steps():
    found = lk.fit(make(), "sgd", batch_size=30, budget=3, measure_every=[1, 5])
    assert [r.step for r in found.trace] == [0, 1, 5, 12]


def test_measuring_is_outside_the_clock_and_the_meter():
    objective = make()
    often = lk.fit(objective, "sgd", batch_size=30, budget=3, measure_every=0.01)
    seldom = lk.fit(objective, "sgd", batch_size=30, budget=3, measure_every=3)
    assert (len(often.trace), len(seldom.trace)) == (13, 2)
    assert often.work == seldom.work == pytest.approx(3)
    assert torch.equal(often.theta, seldom.theta)


def test_batches_are_each_row_once_an_epoch():
    objective = make()
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Watching(Rule):
        def step(self, local, state):
            seen.append(local.rows.clone())
            return local.theta

    lk.fit(objective, Watching(), batch_size=50, budget=2, seed=9)
    assert [len(rows) for rows in seen] == [50, 50, 20] * 2
    for epoch in (seen[:3], seen[3:]):
        assert torch.equal(torch.cat(epoch).sort().values, torch.arange(N))
    assert not torch.equal(torch.cat(seen[:3]), torch.cat(seen[3:]))


def test_a_large_fit_is_measured_on_the_same_few_rows():
    objective = make()
    found = lk.fit(objective, "sgd", batch_size=30, budget=1, theta=zeros(objective), measured_rows=40)
    rows = np.sort(stream(0, "measure").choice(N, 40, replace=False))
    assert found.trace.records[-1].value[0] == float(objective.subset(rows).at(found.theta).value)


def test_full_batch_descent_is_the_formula():
    objective = make(l2=1.0)
    theta, x, y = zeros(objective), objective.x, objective.y
    for _ in range(20):
        leaf = theta.clone().requires_grad_()
        eta = x @ leaf[:P] + leaf[P]
        nll = -distributions.Bernoulli(logits=eta).log_prob(y).sum() + 0.5 * (leaf[:P] ** 2).sum()
        theta = theta - 0.3 * torch.autograd.grad(nll / N, leaf)[0]
    found = lk.fit(objective, lk.rule("gradient_descent", lr=0.3), theta=zeros(objective), budget=lk.Budget(steps=20))
    torch.testing.assert_close(found.theta, theta, rtol=1e-12, atol=1e-12)
