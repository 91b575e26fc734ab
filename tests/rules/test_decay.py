"""Weight decay apart from the gradient, against torch.optim with a group of parameters that does not decay."""

import pytest
import torch

import likeliest as lk
from likeliest.errors import SpecificationError
from likeliest.rules import SGD, Adam, Clipped, Cosine, Decayed, Rule

X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = (X[:, 0] > X[:, 1]).double()
DECAY = 0.3


def linear() -> lk.Objective:
    return lk.Objective(lk.family("bernoulli"), lk.Linear(3), X, Y)


def torch_theta(optimiser, steps: int, clip: float | None = None, **options) -> torch.Tensor:
    """Weights (3,) and the intercept after steps by torch.optim, the weights alone decaying."""
    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    groups = [{"params": [weight], "weight_decay": DECAY}, {"params": [bias], "weight_decay": 0.0}]
    optimiser = optimiser(groups, lr=0.1, foreach=False, **options)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(X @ weight + bias, Y).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_([weight, bias], clip)
        optimiser.step()
    return torch.cat((weight, bias)).detach()


def ours(rule: Rule, steps: int) -> torch.Tensor:
    theta, objective = torch.zeros(4, dtype=torch.float64), linear()
    state = rule.init(theta, objective.predictor)
    for step in range(steps):
        state.step, state.steps = step, steps
        theta = rule.step(objective.at(theta, None, rule.needs), state)
    return theta


def test_adam_with_it_is_adamw_of_torch():
    torch.testing.assert_close(ours(Decayed(Adam(lr=0.1), DECAY), 20), torch_theta(torch.optim.AdamW, 20))


def test_around_plain_descent_it_is_the_penalty():
    """SGD of torch adds λW to the gradient, which for it is the same."""
    found = ours(Decayed(SGD(lr=0.1), DECAY), 20)
    torch.testing.assert_close(found, torch_theta(torch.optim.SGD, 20))
    penalised = lk.Objective(lk.family("bernoulli"), lk.Linear(3), X, Y, l2=DECAY * 60)
    by_l2 = lk.fit(penalised, lk.rule("gradient_descent", lr=0.1), theta=torch.zeros(4).double(), budget=20)
    torch.testing.assert_close(found, by_l2.theta)


def test_decay_is_not_clipped():
    rule = Decayed(Clipped(Adam(lr=0.1), norm=1e-3), DECAY)
    expected = torch_theta(torch.optim.AdamW, 20, clip=1e-3)
    torch.testing.assert_close(ours(rule, 20), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours(Clipped(Decayed(Adam(lr=0.1), DECAY), norm=1e-3), 20), ours(rule, 20))


def test_runs_of_their_own_rates_and_schedules():
    rates = torch.tensor([[0.05], [0.2]], dtype=torch.float64)
    together = lk.fit(linear(), Decayed(Adam(lr=Cosine(rates)), DECAY), batch_size=20, budget=4)
    for run in range(2):
        alone = lk.fit(linear(), Decayed(Adam(lr=Cosine(float(rates[run]))), DECAY), batch_size=20, budget=4)
        torch.testing.assert_close(together.theta[run], alone.theta, rtol=1e-10, atol=1e-12)


def test_intercepts_and_batch_norms_do_not_shrink():
    net = lk.MLP((3, 4, 1), batch_norm=True)
    objective = lk.Objective(lk.family("bernoulli"), net, X, Y)
    theta = torch.full((net.size,), 2.0, dtype=torch.float64)
    rule = Decayed(SGD(lr=0.1), 5.0)
    state = rule.init(theta, net)
    grad = objective.at(theta.clone()).grad.clone()
    moved = rule.step(objective.at(theta.clone(), None, rule.needs), state)
    for part in net.parts.values():
        left = 2.0 * (0.5 if part.penalised else 1.0)
        torch.testing.assert_close(moved[part.slice], left - 0.1 * grad[part.slice])


def test_what_cannot_decay_is_named():
    with pytest.raises(SpecificationError, match="weight_decay must be a number"):
        Decayed(Adam(), -0.1)
    with pytest.raises(SpecificationError, match="lbfgs needs GRAD, VALUE"):
        Decayed(lk.rule("lbfgs"))
    assert Decayed(Adam(), 0.1).with_lr(0.5) == Decayed(Adam(0.5), 0.1)
