"""A driver may keep the learning rate as a number on θ's device: a rule then steps by that one."""

import pytest
import torch

import likeliest as lk
from likeliest.rules import Clipped, Decayed

RULES = {
    name: lambda lr, name=name: lk.rule(name, lr=lr)
    for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "delta_rule")
}
RULES["clipped"] = lambda lr: Clipped(lk.rule("adam", lr=lr), norm=0.1)
RULES["decayed"] = lambda lr: Decayed(lk.rule("nesterov", lr=lr), 0.1)


def after_five_steps(rule, rate=None):
    x = torch.linspace(-1, 1, 12).view(6, 2)
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(2), x, (x[:, 0] > 0).float())
    theta = torch.tensor([0.5, -0.25, 0.125])
    state = rule.init(theta, objective.predictor)
    state.rate = rate
    for step in range(5):
        state.step = step
        theta = rule.step(objective.at(theta), state)
    return theta


@pytest.mark.parametrize("name", RULES)
def test_a_rate_on_the_device_takes_the_place_of_the_rule_s_own(name):
    by_number = after_five_steps(RULES[name](2.0**-5))
    on_device = after_five_steps(RULES[name](0.75), torch.tensor(2.0**-5))
    torch.testing.assert_close(on_device, by_number, rtol=1e-6, atol=1e-7)
    assert not torch.allclose(by_number, after_five_steps(RULES[name](0.75)), rtol=1e-2)
