"""The perceptron against scikit-learn's and Novikoff's theorem, the delta rule against least squares."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Perceptron

from likeliest.errors import NotOnOfferError, SpecificationError
from likeliest.families import family
from likeliest.objective import Objective
from likeliest.predictors import Columns, Fixed, Linear
from likeliest.rules import Cosine, ErrorSignal, delta_rule, perceptron

N = 60


@pytest.fixture
def separable():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, 3, generator=generator, dtype=torch.float64)
    y = (x.sum(-1) + 0.2 > 0).double()
    x += 0.2 * (2 * y[:, None] - 1)
    return torch.roll(x, -int(y.argmax()), 0), torch.roll(y, -int(y.argmax()), 0)


def row_by_row(rule, objective, theta, epochs):
    state = rule.init(theta, objective.predictor)
    for _ in range(epochs):
        for row in range(objective.n):
            theta = rule.step(objective.at(theta, torch.tensor([row]), rule.needs), state)
            state.step += 1
    return theta


@pytest.mark.parametrize("lr", [1.0, 0.3])
def test_perceptron_takes_the_steps_of_scikit_learn(separable, lr):
    """From θ = 0 and a first row with y = 1, since at η = 0 scikit-learn takes either class for a mistake."""
    x, y = separable
    objective = Objective(family("bernoulli"), Linear(3), x, y)
    for epochs in (1, 3):
        theta = row_by_row(perceptron(lr), objective, torch.zeros(4, dtype=torch.float64), epochs)
        peer = Perceptron(eta0=lr, shuffle=False, tol=None, max_iter=epochs).fit(x.numpy(), y.numpy())
        np.testing.assert_allclose(theta.numpy(), np.r_[peer.coef_[0], peer.intercept_], rtol=0, atol=1e-12)


def test_perceptron_stops_making_mistakes_on_separable_rows_and_then_stays(separable):
    x, y = separable
    objective = Objective(family("bernoulli"), Linear(3), x, y)
    theta = row_by_row(perceptron(), objective, torch.zeros(4, dtype=torch.float64), 30)
    assert torch.equal((x @ theta[:3] + theta[3] > 0).double(), y)
    assert torch.equal(row_by_row(perceptron(), objective, theta.clone(), 1), theta)


def test_delta_rule_on_all_rows_finds_least_squares(separable):
    x, y = separable
    design = np.c_[x.numpy(), np.ones(N)]
    expected = np.linalg.lstsq(design, y.numpy(), rcond=None)[0]
    normal = Columns(mean=Linear(3), log_scale=Fixed(0.7))
    for objective in (Objective(family("bernoulli"), Linear(3), x, y), Objective(family("normal"), normal, x, y)):
        rule, theta = delta_rule(lr=0.3), torch.zeros(4, dtype=torch.float64)
        state = rule.init(theta, objective.predictor)
        for _ in range(600):
            theta = rule.step(objective.at(theta, None, rule.needs), state)
        np.testing.assert_allclose(theta.numpy(), expected, rtol=0, atol=1e-12)


def test_each_rule_says_what_it_minimises_and_keeps_one_rate_a_run(separable):
    assert perceptron().criterion == "mistakes"
    assert delta_rule().criterion == "squared error in η"
    x, y = separable
    objective = Objective(family("bernoulli"), Linear(3), x, y)
    rates = torch.tensor([[0.1], [0.4]], dtype=torch.float64)
    for lr in (rates, Cosine(rates)):
        rule, theta = delta_rule(lr), torch.zeros(2, 4, dtype=torch.float64)
        state = rule.init(theta, objective.predictor)
        state.steps = 10
        moved = rule.step(objective.at(theta, None, rule.needs), state)
        torch.testing.assert_close(moved[1], 4 * moved[0])


def test_refuses_an_unknown_error_and_a_family_without_decisions():
    with pytest.raises(SpecificationError, match="decision"):
        ErrorSignal("hinge")
    objective = Objective(family("poisson"), Linear(1), torch.ones(3, 1), torch.ones(3))
    rule, theta = perceptron(), torch.zeros(2)
    with pytest.raises(NotOnOfferError):
        rule.step(objective.at(theta, None, rule.needs), rule.init(theta, objective.predictor))
