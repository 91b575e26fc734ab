"""What every rule promises, over the table of all rules and one of a user's own."""

import dataclasses
import inspect
import math
from dataclasses import dataclass

import numpy as np
import pytest
import statsmodels.api as sm
import torch

from likeliest.errors import SpecificationError, UnknownNameError
from likeliest.families import family
from likeliest.interfaces import Need, State
from likeliest.objective import Objective
from likeliest.predictors import MLP, Columns, Fixed, Linear
from likeliest.rules import Rule, rule, rules
from likeliest.rules.catalogue import RULES

STEPS = 100


@dataclass(frozen=True)
class SignDescent(Rule):
    """A rule of a user's own, with every default."""

    lr: float | torch.Tensor = 0.01

    def step(self, local, state):
        return local.theta - self.lr * local.grad.sign()


TABLE = {**{name: make() for name, make in RULES.items()}, "sign_descent": SignDescent()}
every_rule = pytest.mark.parametrize("name", TABLE)
rules_with_lr = pytest.mark.parametrize("name", [name for name, made in TABLE.items() if made.lr_range])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def logistic():
    x = draw(80, 5)
    y = (x @ draw(5, seed=1) + draw(80, seed=2) > 0).double()
    return Objective(family("bernoulli"), Linear(5), x, y, l2=1.0)


@pytest.fixture
def net():
    x = draw(80, 5)
    y = (x @ draw(5, 3, seed=1)).argmax(-1)
    return Objective(family("categorical"), MLP((5, 6, 3), activation="tanh"), x, y, l2=1.0)


def batches(objective, made, steps):
    """All rows for a full-batch rule, and 16 at a time, in a fixed order, for the others."""
    for step in range(steps):
        yield None if made.full_batch else (torch.arange(16) + 16 * step) % objective.n


def run(made, objective, theta, steps=STEPS, spoil=False):
    """Follow a rule as the driver would; ``spoil`` overwrites the gradient's buffer after every step."""
    theta = theta.clone()
    state, path = made.init(theta, objective.predictor), [theta.clone()]
    for rows in batches(objective, made, steps):
        state.steps = steps
        theta = made.step(objective.at(theta, rows, made.needs), state)
        state.step += 1
        path.append(theta.clone())
        if spoil:
            objective.gradient_buffer(theta).fill_(math.nan)
    return torch.stack(path)


def criterion(made, objective, theta):
    """What the rule minimises, on all rows."""
    eta = objective.predictor.forward(theta, objective.x)[0][..., 0]
    if made.criterion == "mistakes":
        return ((eta > 0).double() != objective.y).double().mean()
    if made.criterion == "squared error in η":
        return (eta - objective.y).square().mean()
    return objective.at(theta).value


@every_rule
def test_descends_on_a_convex_problem_at_a_small_rate(name, logistic):
    made = TABLE[name]
    if made.lr_range:
        made = made.with_lr(math.sqrt(made.lr_range[0] * made.lr_range[1]))
    path = run(made, logistic, 2 * draw(6, seed=3))
    before, after = (float(criterion(made, logistic, theta)) for theta in (path[0], path[-1]))
    assert after < 0.99 * before


@every_rule
def test_the_same_steps_come_out_again_to_the_last_bit(name, logistic):
    made, start = TABLE[name], draw(6, seed=3)
    first = run(made, logistic, start)
    assert torch.equal(first, run(made, logistic, start))
    assert made == RULES[name]() if name in RULES else made == SignDescent()


@every_rule
def test_keeps_nothing_in_the_gradients_buffer(name, logistic):
    made, start = TABLE[name], draw(6, seed=3)
    assert torch.equal(run(made, logistic, start), run(made, logistic, start, spoil=True))


@every_rule
def test_two_fits_share_no_memory(name, logistic):
    made, start = TABLE[name], draw(6, seed=3)
    one, other = (made.init(start, logistic.predictor) for _ in range(2))
    held = [value for value in one.memory.values() if isinstance(value, torch.Tensor)]
    assert not {value.data_ptr() for value in held} & {
        value.data_ptr() for value in other.memory.values() if isinstance(value, torch.Tensor)
    }


@every_rule
def test_a_run_in_lockstep_is_the_run_alone(name, logistic):
    made, starts = TABLE[name], draw(4, 6, seed=3)
    together = run(made, logistic, starts)
    for i, start in enumerate(starts):
        torch.testing.assert_close(together[:, i], run(made, logistic, start), rtol=0, atol=1e-10)


@rules_with_lr
def test_a_run_in_lockstep_has_its_own_rate(name, logistic):
    low, high = TABLE[name].lr_range
    rates = torch.logspace(math.log10(low), math.log10(high) - 1, 3, dtype=torch.float64)
    start = draw(6, seed=3)
    together = run(TABLE[name].with_lr(rates[:, None]), logistic, start.expand(3, -1))
    for i, lr in enumerate(rates.tolist()):
        torch.testing.assert_close(together[:, i], run(TABLE[name].with_lr(lr), logistic, start), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", [name for name, made in TABLE.items() if made.needs == {Need.GRAD}])
def test_nets_in_lockstep_are_the_nets_alone(name, net):
    starts = draw(3, net.predictor.size, seed=3)
    rates = torch.tensor([0.003, 0.01, 0.02], dtype=torch.float64)
    together = run(TABLE[name].with_lr(rates[:, None]), net, starts)
    for i, lr in enumerate(rates.tolist()):
        torch.testing.assert_close(together[:, i], run(TABLE[name].with_lr(lr), net, starts[i]), rtol=0, atol=1e-10)


@every_rule
def test_a_run_that_is_nan_disturbs_no_other(name, logistic):
    made, starts = TABLE[name], draw(3, 6, seed=3)
    spoilt = starts.clone()
    spoilt[1] = math.nan
    kept = [0, 2]
    torch.testing.assert_close(
        run(made, logistic, spoilt)[:, kept], run(made, logistic, starts)[:, kept], rtol=0, atol=1e-10
    )


@every_rule
def test_float32_stays_float32(name, logistic):
    single = Objective(logistic.family, logistic.predictor, logistic.x.float(), logistic.y.float(), l2=1.0)
    made = TABLE[name]
    path = run(made, single, draw(6, seed=3).float(), steps=5)
    assert path.dtype == torch.float32
    assert path.isfinite().all()


BAD = [
    (name, field, bad)
    for name, make in RULES.items()
    for field in inspect.signature(make).parameters
    for bad in (math.nan, math.inf, -1.0, "0.1", None, True)
    if (field, bad) != ("search", True)
]


@pytest.mark.parametrize(("name", "field", "bad"), BAD)
def test_refuses_a_bad_hyperparameter_by_name(name, field, bad):
    with pytest.raises(SpecificationError, match=field):
        rule(name, **{field: bad})


@rules_with_lr
def test_refuses_rates_that_are_no_column(name):
    for bad in (
        torch.tensor(0.1),
        torch.tensor([0.1, 0.2]),
        torch.tensor([[0.1, 0.2]]),
        torch.tensor([[0.1], [math.nan]]),
    ):
        with pytest.raises(SpecificationError, match="lr"):
            TABLE[name].with_lr(bad) if name != "sign_descent" else rule("sgd", lr=bad)


def test_rules_without_a_rate_refuse_one():
    for name in ("newton", "irls", "lbfgs"):
        assert rule(name).lr_range is None
        with pytest.raises(SpecificationError, match="no learning rate"):
            rule(name).with_lr(0.1)


def canonical(name, predictor, y):
    return Objective(family(name), predictor, draw(90, 4), y, weight=draw(90, seed=5).abs() + 0.1)


CANONICAL = {
    "bernoulli": lambda: canonical("bernoulli", Linear(4), (draw(90, seed=1) > 0.2).double()),
    "categorical": lambda: canonical("categorical", Linear(4, 3), draw(90, 3, seed=1).argmax(-1)),
    "poisson": lambda: canonical("poisson", Linear(4), draw(90, seed=1).exp().round()),
    "normal": lambda: canonical("normal", Columns(mean=Linear(4), log_scale=Fixed(0.3)), draw(90, seed=1)),
}


@pytest.mark.parametrize("name", CANONICAL)
def test_newton_is_irls_under_a_canonical_link_and_finds_the_peers_optimum(name):
    objective = CANONICAL[name]()
    start = torch.zeros(objective.predictor.size, dtype=torch.float64)
    newton_path, irls_path = (run(rule(r), objective, start, steps=12) for r in ("newton", "irls"))
    torch.testing.assert_close(newton_path, irls_path, rtol=0, atol=1e-12)
    assert objective.at(newton_path[-1]).grad.abs().max() < 1e-14
    design, y, weight = (np.asarray(a) for a in (sm.add_constant(objective.x.numpy()), objective.y, objective.weight))
    if name == "categorical":
        coefficients = newton_path[-1].numpy().reshape(5, 3)
        np.testing.assert_allclose(coefficients.sum(-1), 0, atol=1e-13)
        return
    peers = {"bernoulli": sm.families.Binomial(), "poisson": sm.families.Poisson(), "normal": sm.families.Gaussian()}
    peer = sm.GLM(y, design, family=peers[name], var_weights=weight).fit(tol=1e-14, tol_criterion="params").params
    np.testing.assert_allclose(newton_path[-1].numpy(), np.r_[peer[1:], peer[0]], rtol=0, atol=1e-11)


@every_rule
def test_is_a_frozen_value(name):
    made = TABLE[name]
    assert dataclasses.is_dataclass(made)
    assert made == dataclasses.replace(made)
    for field in dataclasses.fields(made):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, field.name, 1)


def test_the_catalogue_is_complete_and_true():
    assert [info.name for info in rules()] == list(RULES)
    for info in rules():
        assert info.formula
        assert any(character.isdigit() for character in info.source)
        assert info.needs <= set(Need)
        assert (info.lr_range is not None) == ("lr" in inspect.signature(RULES[info.name]).parameters)
        assert rule(info.name).init(torch.zeros(2), Linear(1)).step == 0


def test_a_wrong_name_is_told_what_it_may_have_meant():
    with pytest.raises(UnknownNameError, match="did you mean adam or adamw"):
        rule("adamv")
    with pytest.raises(UnknownNameError, match="there is gradient_descent, sgd"):
        rule("zzz")
    with pytest.raises(SpecificationError, match="did you mean momentum"):
        rule("nesterov", momentun=0.9)
    with pytest.raises(SpecificationError, match="there is lr, beta1, beta2, eps"):
        rule("adam", nesterov=True)


def test_a_rule_of_ones_own_has_all_the_defaults():
    made = SignDescent()
    assert made.name == "sign_descent"
    assert made.needs == {Need.GRAD}
    assert not made.full_batch
    assert made.criterion == "nll"
    assert made.lr_range == (1e-4, 1.0)
    assert made.with_lr(0.5) == SignDescent(0.5)
    assert made.init(torch.zeros(3), Linear(2)) == State()
