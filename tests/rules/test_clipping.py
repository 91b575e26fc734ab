"""Clipping against torch.nn.utils, by brute force, run by run, and with every first-order rule."""

import pytest
import torch

import likeliest as lk
from likeliest.errors import NotOnOfferError, SpecificationError
from likeliest.rules import LBFGS, SGD, Adam, AdamW, Clipped, ErrorSignal, OneCycle, Rule

PEERS = {
    "gradient_descent": (torch.optim.SGD, {}),
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 1e-2}),
}
CLIPS = {
    "norm": lambda leaf, c: torch.nn.utils.clip_grad_norm_([leaf], c),
    "value": lambda leaf, c: torch.nn.utils.clip_grad_value_([leaf], c),
}


def torch_path(optimiser, clip, c, functions, theta, lr, **options):
    """The same steps by torch.optim on gradients that torch has clipped."""
    leaf = theta.clone().requires_grad_()
    optimiser = optimiser([leaf], lr=lr, foreach=False, **options)
    path = [theta.clone()]
    for function in functions:
        optimiser.zero_grad()
        function(leaf).backward()
        CLIPS[clip](leaf, c)
        optimiser.step()
        path.append(leaf.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", PEERS)
def test_takes_the_steps_of_torch_on_gradients_clipped_by_torch(name, clip, follow, noisy_quadratics, start):
    """Large gradients, because torch divides by ‖g‖ + 10⁻⁶."""
    peer, options = PEERS[name]
    large = [lambda theta, f=f: 1e6 * f(theta) for f in noisy_quadratics]
    norms = [torch.func.grad(f)(start).norm() for f in large]
    c = 0.7 * float(min(norms)) if clip == "norm" else 0.2 * float(min(norms))
    lr = 0.03 / c if name in ("gradient_descent", "sgd", "momentum", "nesterov") else 0.03
    path, _ = follow(Clipped(lk.rule(name, lr=lr), **{clip: c}), large, start)
    expected = torch_path(peer, clip, c, large, start, lr, **options)
    torch.testing.assert_close(torch.stack(path), expected, rtol=0, atol=1e-8)
    unclipped, _ = follow(lk.rule(name, lr=lr), large, start)
    assert not torch.allclose(torch.stack(unclipped), expected, atol=1e-4)


def test_a_short_gradient_is_left_as_it_is_to_the_last_bit(follow, noisy_quadratics, start):
    for clip in ("norm", "value"):
        clipped, _ = follow(Clipped(Adam(lr=0.03), **{clip: 1e9}), noisy_quadratics, start)
        plain, _ = follow(Adam(lr=0.03), noisy_quadratics, start)
        assert all(torch.equal(a, b) for a, b in zip(clipped, plain, strict=True))


@pytest.mark.parametrize("clip", CLIPS)
def test_each_run_is_clipped_by_itself_and_a_lost_one_touches_no_other(clip, follow, noisy_quadratics, start):
    rates = torch.tensor([[0.01], [0.03], [0.1]], dtype=start.dtype)
    starts = torch.stack((start, 5 * start, torch.full_like(start, torch.nan)))
    together, _ = follow(Clipped(Adam(lr=rates), **{clip: 0.5}), noisy_quadratics, starts)
    for run in range(2):
        alone, _ = follow(Clipped(Adam(lr=float(rates[run])), **{clip: 0.5}), noisy_quadratics, starts[run])
        torch.testing.assert_close(together[-1][run], alone[-1], rtol=1e-12, atol=1e-12)
    assert together[-1][2].isnan().all()


def test_a_gradient_of_zero_stays_zero(follow, start):
    path, _ = follow(Clipped(SGD(lr=0.1), norm=1.0), [lambda theta: 0 * theta.sum()], start)
    assert torch.equal(path[-1], start)


def test_clipping_twice_acts_from_the_outside_in(follow):
    start = torch.tensor([3.0, 4.0])
    path, _ = follow(Clipped(Clipped(SGD(lr=1.0), value=0.5), norm=1.0), [lambda t: t.square().sum() / 2], start)
    torch.testing.assert_close(path[-1], start - torch.tensor([0.5, 0.5]))
    path, _ = follow(Clipped(Clipped(SGD(lr=1.0), norm=1.0), value=0.5), [lambda t: t.square().sum() / 2], start)
    torch.testing.assert_close(path[-1], start - torch.tensor([0.5, 0.5]))
    path, _ = follow(Clipped(Clipped(SGD(lr=1.0), value=0.7), norm=1.0), [lambda t: t.square().sum() / 2], start)
    torch.testing.assert_close(path[-1], start - torch.tensor([0.6, 0.7]))


class Sign(Rule):
    """A rule of one's own that is no first-order rule of ours."""

    def step(self, local, state):
        return local.theta - local.grad


def test_a_rule_of_ones_own_is_clipped_too(follow):
    start = torch.tensor([3.0, 4.0])
    path, _ = follow(Clipped(Sign(), norm=1.0), [lambda t: t.square().sum() / 2], start)
    torch.testing.assert_close(path[-1], start - torch.tensor([0.6, 0.8]))


def test_it_is_the_rule_in_all_else():
    clipped = Clipped(lk.rule("adamw", lr=OneCycle(0.02)), norm=2.0)
    assert clipped.with_lr(0.1).rule.lr == OneCycle(0.1)
    for field in ("name", "needs", "full_batch", "criterion", "lr_range"):
        assert getattr(clipped, field) == getattr(clipped.rule, field)
    assert eval(repr(clipped), {"AdamW": AdamW, "Clipped": Clipped, "OneCycle": OneCycle}) == clipped
    assert not hasattr(Clipped(Sign(), norm=1.0), "lr")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Clipped(Adam()), "one of norm and value"),
        (lambda: Clipped(Adam(), norm=1.0, value=1.0), "one of norm and value"),
        (lambda: Clipped(Adam(), norm=0.0), "norm must be a number"),
        (lambda: Clipped(Adam(), value=-1.0), "value must be a number"),
        (lambda: Clipped(LBFGS(), norm=1.0), "lbfgs needs GRAD, VALUE"),
        (lambda: Clipped(ErrorSignal("linear"), norm=1.0), "delta_rule needs PULLBACK"),
    ],
)
def test_what_cannot_be_clipped_is_named(make, words):
    with pytest.raises(SpecificationError, match=words):
        make()


def test_a_fit_steps_by_it_resumes_it_and_tells_it_from_another(tmp_path):
    numbers = torch.Generator().manual_seed(0)
    x = torch.randn(90, 3, generator=numbers)
    objective = lk.Objective(lk.family("bernoulli"), lk.MLP((3, 4, 1)), x, (x[:, 0] > 0).float())
    rule, options = Clipped(Adam(lr=0.01), norm=0.05), {"batch_size": 30, "seed": 2}
    checkpoint = lk.Checkpoint(tmp_path / "fit.checkpoint")
    lk.fit(objective, rule, budget=2, checkpoint=checkpoint, **options)
    resumed = lk.fit(objective, rule, budget=5, checkpoint=checkpoint, **options)
    assert torch.equal(resumed.theta, lk.fit(objective, rule, budget=5, **options).theta)
    with pytest.raises(lk.errors.CheckpointError, match="its rule is"):
        lk.fit(objective, Clipped(Adam(lr=0.01), norm=0.06), budget=6, checkpoint=checkpoint, **options)
    with pytest.raises(NotOnOfferError, match="leave batch_size out"):
        lk.fit(objective, Clipped(lk.rule("gradient_descent"), norm=1.0), **options)
