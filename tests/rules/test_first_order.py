"""First-order rules against torch.optim, step by step, and the traps of torch's fused kernels."""

import pytest
import torch

from likeliest.errors import ShapeError
from likeliest.predictors import Linear
from likeliest.rules import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Constant,
    Cosine,
    GradientDescent,
    InverseTime,
    Momentum,
    Nesterov,
    OneCycle,
    RMSprop,
    Warmup,
)

PEERS = {
    "gradient_descent": (GradientDescent, torch.optim.SGD, {}),
    "sgd": (SGD, torch.optim.SGD, {}),
    "momentum": (Momentum, torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (Nesterov, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adagrad": (Adagrad, torch.optim.Adagrad, {}),
    "rmsprop": (RMSprop, torch.optim.RMSprop, {}),
    "adam": (Adam, torch.optim.Adam, {}),
    "adamw": (AdamW, torch.optim.AdamW, {"weight_decay": 1e-2}),
}
LR = 0.03


def peer_path(optimiser, functions, theta, lr, schedule=None, **options):
    """The same steps by torch.optim, in its plain, unfused form."""
    leaf = theta.clone().requires_grad_()
    optimiser = optimiser([leaf], lr=lr, foreach=False, **options)
    scheduler = schedule(optimiser) if schedule else None
    path = [theta.clone()]
    for function in functions:
        optimiser.zero_grad()
        function(leaf).backward()
        optimiser.step()
        if scheduler:
            scheduler.step()
        path.append(leaf.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize("name", PEERS)
def test_takes_the_steps_of_torch(name, follow, noisy_quadratics, start):
    ours, peer, options = PEERS[name]
    path, _ = follow(ours(lr=LR), noisy_quadratics, start)
    expected = peer_path(peer, noisy_quadratics, start, LR, **options)
    torch.testing.assert_close(torch.stack(path), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", PEERS)
def test_one_rate_a_run_takes_the_steps_of_torch_at_each_rate(name, follow, noisy_quadratics, start):
    ours, peer, options = PEERS[name]
    rates = [0.003, 0.03, 0.1]
    starts = torch.stack([start, start + 1, start * 2])
    path, _ = follow(ours(lr=torch.tensor(rates)[:, None].double()), noisy_quadratics, starts)
    for run, lr in enumerate(torch.tensor(rates).double().tolist()):
        expected = peer_path(peer, noisy_quadratics, starts[run], lr, **options)
        torch.testing.assert_close(torch.stack(path)[:, run], expected, rtol=0, atol=1e-10)


def line_then_cosine(optimiser):
    line = torch.optim.lr_scheduler.LinearLR(optimiser, start_factor=1 / 20, total_iters=19)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=80, eta_min=0.1 * LR)
    return torch.optim.lr_scheduler.SequentialLR(optimiser, [line, cosine], milestones=[20])


SCHEDULES = {
    "constant": (Constant(LR), lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
    "cosine": (Cosine(LR, final=0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 100, eta_min=0.1 * LR)),
    "one cycle": (
        OneCycle(LR),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=LR, total_steps=101, cycle_momentum=False),
    ),
    "inverse time": (
        InverseTime(LR, decay=0.05),
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + 0.05 * t)),
    ),
    "warm-up": (Warmup(20, Cosine(LR, final=0.1)), line_then_cosine),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adamw"])
def test_scheduled_rates_take_the_steps_of_torch(name, schedule, follow, noisy_quadratics, start):
    ours, peer, options = PEERS[name]
    lr, scheduler = SCHEDULES[schedule]
    functions = noisy_quadratics + noisy_quadratics[:1] if schedule == "one cycle" else noisy_quadratics
    path, _ = follow(ours(lr=lr), functions, start)
    expected = peer_path(peer, functions[:100], start, LR, scheduler, **options)
    torch.testing.assert_close(torch.stack(path[:101]), expected, rtol=0, atol=1e-10)


def test_inverse_time_is_the_decay_that_torchs_adagrad_brings_along(follow, noisy_quadratics, start):
    path, _ = follow(Adagrad(lr=InverseTime(LR, decay=0.05)), noisy_quadratics, start)
    expected = peer_path(torch.optim.Adagrad, noisy_quadratics, start, LR, lr_decay=0.05)
    torch.testing.assert_close(torch.stack(path), expected, rtol=0, atol=1e-10)


def test_a_schedule_holds_one_rate_a_run(follow, noisy_quadratics, start):
    rates = torch.tensor([[0.01], [0.05]], dtype=torch.float64)
    both, _ = follow(Adam(lr=Cosine(rates)), noisy_quadratics, torch.stack([start, start]))
    for run in range(2):
        alone, _ = follow(Adam(lr=Cosine(rates[run].item())), noisy_quadratics, start)
        torch.testing.assert_close(both[-1][run], alone[-1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", PEERS)
def test_a_gradient_with_another_layout_is_read_in_the_right_order(name, view, start):
    """Fused kernels walk over raw storage: a gradient that is a slice of something larger would give another θ."""
    theta = torch.stack([start, start + 1])
    slices = torch.cat([theta.new_zeros(2, 1), theta], -1)[:, 1:]
    results = []
    for grad in (slices, slices.contiguous()):
        local = view(lambda t: t.sum(-1), theta.clone())
        local._grad = grad
        rule = PEERS[name][0](lr=LR)
        results.append(rule.step(local, rule.init(local.theta, Linear(local.theta.shape[-1] - 1))))
    assert torch.equal(*results)


@pytest.mark.parametrize("name", PEERS)
def test_refuses_rates_for_other_runs_and_parameters_it_cannot_move_in_place(name, start):
    make = PEERS[name][0]
    rates = torch.full((3, 1), LR, dtype=torch.float64)
    with pytest.raises(ShapeError, match="one rate a run"):
        make(lr=rates).init(torch.stack([start, start]), None)
    with pytest.raises(ShapeError, match="one rate a run"):
        make(lr=Cosine(rates)).init(start, None)
    with pytest.raises(ShapeError, match="contiguous"):
        make(lr=LR).init(torch.stack([start, start]).mT, None)


def test_a_run_that_is_nan_leaves_the_others_alone(follow, noisy_quadratics, start):
    starts = torch.stack([start, start.new_full((7,), torch.nan), start])
    for make, _, _ in PEERS.values():
        for lr in (LR, torch.full((3, 1), LR, dtype=torch.float64)):
            path, _ = follow(make(lr=lr), noisy_quadratics, starts)
            alone, _ = follow(make(lr=LR), noisy_quadratics, start)
            torch.testing.assert_close(path[-1][[0, 2]], alone[-1].expand(2, -1), rtol=0, atol=1e-10)
