"""L-BFGS against scipy.optimize, and its line search against the strong Wolfe conditions themselves."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from likeliest.rules import LBFGS
from likeliest.rules.line_search import C1, C2, Found, strong_wolfe


def rosenbrock(theta):
    a, b = theta[..., :-1], theta[..., 1:]
    return (100 * (b - a.square()).square() + (1 - a).square()).sum(-1)


def logistic(condition=1e3):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 8, generator=generator, dtype=torch.float64) * torch.logspace(0, math.log10(condition) / 2, 8)
    y = (torch.rand(200, generator=generator) < 0.4).double()

    def nll(theta):
        eta = theta @ x.mT
        return (torch.nn.functional.softplus(eta) - y * eta).mean(-1) + 0.005 * theta.square().sum(-1)

    return nll


def scipy_minimum(function, start):
    def value_and_grad(theta):
        leaf = torch.tensor(theta, requires_grad=True)
        value = function(leaf)
        value.backward()
        return value.item(), leaf.grad.numpy()

    return optimize.minimize(value_and_grad, start.numpy(), jac=True, method="BFGS", options={"gtol": 1e-10})


PROBLEMS = {
    "rosenbrock 2": (rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64)),
    "rosenbrock 10": (rosenbrock, torch.linspace(-2, 2, 10, dtype=torch.float64)),
    "logistic": (logistic(), torch.zeros(8, dtype=torch.float64)),
    "badly scaled logistic": (logistic(1e8), torch.ones(8, dtype=torch.float64)),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_finds_the_minimum_that_scipy_finds(name, follow):
    function, start = PROBLEMS[name]
    path, _ = follow(LBFGS(), [function] * 150, start)
    expected = scipy_minimum(function, start)
    assert float(function(path[-1])) <= expected.fun + 1e-14
    np.testing.assert_allclose(path[-1].numpy(), expected.x, rtol=1e-6, atol=1e-7)


def test_takes_no_more_evaluations_than_scipys_lbfgs(view, follow, monkeypatch):
    start = PROBLEMS["rosenbrock 10"][1]
    calls = []
    moved = view.moved
    monkeypatch.setattr(view, "moved", lambda self, theta: calls.append(theta) or moved(self, theta))
    path, _ = follow(LBFGS(memory=10), [rosenbrock] * 120, start)
    ours = next(k for k, theta in enumerate(path) if rosenbrock(theta) < 1e-9)
    used = next(k for k, theta in enumerate(calls) if rosenbrock(theta) < 1e-9)
    peer = optimize.minimize(
        optimize.rosen, start.numpy(), jac=optimize.rosen_der, method="L-BFGS-B", options={"maxcor": 10, "gtol": 1e-6}
    )
    assert used <= 1.05 * peer.nfev
    assert ours <= 1.05 * peer.nit


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_step_satisfies_the_strong_wolfe_conditions(name, follow, view):
    function, start = PROBLEMS[name]
    path, _ = follow(LBFGS(), [function] * 15, start)
    for here, there in itertools.pairwise(path):
        step = there - here
        slope = view(function, here).grad @ step
        slope_there = view(function, there).grad @ step
        noise = 1e-14 * (1 + abs(float(function(here))))
        assert function(there) <= function(here) + C1 * slope + noise
        assert abs(slope_there) <= -C2 * slope + noise


def test_the_view_it_leaves_behind_is_the_one_at_the_new_point(view):
    rule, theta = LBFGS(), PROBLEMS["rosenbrock 2"][1]
    state = rule.init(theta, None)
    for _ in range(20):
        theta = rule.step(view(rosenbrock, theta), state)
        assert state.arrived is None or state.arrived.theta is theta
        if state.arrived is not None:
            assert torch.equal(state.arrived.grad, view(rosenbrock, theta.clone()).grad)


def test_runs_move_at_their_own_pace_and_a_nan_run_disturbs_none(follow):
    starts = torch.tensor([[-1.2, 1.0], [torch.nan, 1.0], [1.0, 1.0], [3.0, -4.0]], dtype=torch.float64)
    path, state = follow(LBFGS(), [rosenbrock] * 60, starts)
    assert state.outcome is None or rosenbrock(path[-1])[[0, 2, 3]].max() < 1e-20
    for run in (0, 2, 3):
        alone, _ = follow(LBFGS(), [rosenbrock] * 60, starts[run])
        torch.testing.assert_close(path[-1][run], alone[-1], rtol=0, atol=1e-10)
        torch.testing.assert_close(path[10][run], alone[10], rtol=0, atol=1e-10)


def misleading(here):
    """A function whose gradient says that θ should fall, and whose value says that it should stay here."""
    return lambda theta: theta.sum(-1) + 10 * (theta.detach() - here).abs().sum(-1)


def test_a_search_that_finds_nothing_is_an_outcome_and_leaves_theta_alone(follow):
    here = torch.ones(3, dtype=torch.float64)
    path, state = follow(LBFGS(), [misleading(here)] * 2, here)
    assert torch.equal(path[-1], here)
    assert "line search failed" in state.outcome


def test_a_failed_search_forgets_the_pairs_and_starts_again_from_steepest_descent(follow, view):
    start = PROBLEMS["rosenbrock 2"][1]
    before, _ = follow(LBFGS(), [rosenbrock] * 5, start)
    path, state = follow(LBFGS(), [*[rosenbrock] * 5, misleading(before[-1]), rosenbrock], start)
    assert torch.equal(path[6], path[5])
    assert state.outcome is None
    grad, step = view(rosenbrock, path[6]).grad, path[7] - path[6]
    torch.testing.assert_close(step / step.norm(), -grad / grad.norm(), rtol=0, atol=1e-12)


def test_a_stationary_point_is_no_failure(follow):
    path, state = follow(LBFGS(), [rosenbrock], torch.ones(4, dtype=torch.float64))
    assert state.outcome is None
    assert torch.equal(path[-1], path[0])


def end_of(search, phi):
    """Answer a search from φ and φ′ until it ends."""
    asked = []
    try:
        t = next(search)
        while True:
            asked.append(t)
            t = search.send(phi(t))
    except StopIteration as end:
        return end.value, asked


@given(
    centre=st.floats(1e-3, 1e3),
    height=st.floats(1e-3, 1e3),
    wave=st.floats(0.0, 1.0),
    phase=st.floats(0.0, 6.0),
    reach=st.floats(1e-2, 1e2),
)
def test_the_search_ends_where_both_conditions_hold(centre, height, wave, phase, reach):
    """A parabola with waves on it, which make many minima, in any units and from first steps much too short or long."""

    def phi(t):
        u = t / centre - 1
        angle = 7 * u + phase
        return height * (u * u + wave * math.cos(angle)), height * (2 * u - 7 * wave * math.sin(angle)) / centre

    value, slope = phi(0.0)
    found, _ = end_of(strong_wolfe(value, slope, reach * centre), phi)
    if slope >= 0:
        assert found == Found(0.0, "the direction does not descend")
        return
    assert found.failure is None
    there = phi(found.t)
    assert there[0] <= value + C1 * found.t * slope
    assert abs(there[1]) <= -C2 * slope


@pytest.mark.parametrize("beyond", [(math.nan, math.nan), (math.inf, 1.0), (-100.0, math.nan)])
def test_the_search_backs_out_of_regions_that_are_no_numbers(beyond):
    def barrier(t):
        return (-math.log1p(-t) - 3 * t, 1 / (1 - t) - 3) if t < 1 else beyond

    found, asked = end_of(strong_wolfe(*barrier(0.0), first=64.0), barrier)
    assert found.failure is None
    assert 0 < found.t < 1
    assert len(asked) < 12


def test_the_search_says_so_when_there_is_no_minimum():
    found, _ = end_of(strong_wolfe(0.0, -1.0), lambda t: (-t, -1.0))
    assert found.t > 1e6
    assert "without end" in found.failure
