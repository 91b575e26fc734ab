"""Newton and Fisher scoring: exactness, speed, and the curvatures that are no good."""

import itertools

import pytest
import torch

from likeliest.errors import SpecificationError
from likeliest.interfaces import Need
from likeliest.rules import SecondOrder, irls, newton
from likeliest.rules.curvature import newton_direction


def wishart(p, rank=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(p, rank or p, generator=generator, dtype=torch.float64)
    return root @ root.mT / p


def vector(p, seed=1):
    return torch.randn(p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("rule", [newton(), irls(), newton(search=False)])
def test_one_step_solves_a_quadratic(rule, follow):
    c, minimum = wishart(6), vector(6)
    path, state = follow(rule, [lambda theta: 0.5 * ((theta - minimum) @ c * (theta - minimum)).sum(-1)], vector(6, 2))
    torch.testing.assert_close(path[1], minimum, rtol=0, atol=1e-12)
    gap = 0.5 * (path[0] - minimum) @ c @ (path[0] - minimum)
    assert state.evidence["newton_decrement"] == pytest.approx(float(gap), rel=1e-12)


def test_the_number_of_right_digits_doubles(follow):
    def nll(theta):  # softplus and a little ridge: a logistic regression on the corners of a cube
        corners = torch.cartesian_prod(*[theta.new_tensor([-1.0, 1.0])] * 3)
        return torch.nn.functional.softplus(theta @ corners.mT - 1).mean(-1) - 0.2 * theta.sum(-1)

    path, _ = follow(newton(), [nll] * 12, torch.zeros(3, dtype=torch.float64))
    errors = [float((theta - path[-1]).norm()) for theta in path]
    quadratic = [(a, b) for a, b in itertools.pairwise(errors) if 1e-7 < a < 0.3]
    assert len(quadratic) >= 2
    assert all(b <= 2 * a * a for a, b in quadratic)
    assert errors[8] < 1e-14


def test_backtracks_where_the_full_step_overshoots(follow):
    """On log cosh the full Newton step from beyond 1.09 diverges."""
    start = torch.tensor([3.0, -5.0], dtype=torch.float64)
    path, _ = follow(newton(), [lambda theta: torch.log(torch.cosh(theta)).sum(-1)] * 30, start)
    assert path[-1].abs().max() < 1e-12
    diverged, _ = follow(newton(search=False), [lambda theta: torch.log(torch.cosh(theta)).sum(-1)] * 4, start)
    assert not diverged[-1].abs().max() < 100


def test_a_rise_of_one_unit_of_round_off_does_not_stop_the_last_step(follow):
    def rounded(theta):  # at its minimum the value comes out one unit in the last place too high
        return 1 + 0.5 * theta.square().sum(-1) + torch.finfo(theta.dtype).eps * (theta.detach() == 0).all(-1)

    path, state = follow(newton(), [rounded], torch.full((2,), 1e-9, dtype=torch.float64))
    assert torch.equal(path[1], torch.zeros(2, dtype=torch.float64))
    assert state.outcome is None


def test_damping_is_levenbergs(follow):
    c, minimum = wishart(4), vector(4)
    rule = newton(damping=0.7, search=False)
    path, _ = follow(rule, [lambda t: 0.5 * ((t - minimum) @ c * (t - minimum)).sum(-1)], torch.zeros(4).double())
    torch.testing.assert_close(path[1], torch.linalg.solve(c + 0.7 * torch.eye(4).double(), c @ minimum))


def test_a_saddle_is_left_and_not_approached(follow):
    path, _ = follow(newton(), [lambda t: t[..., 0] ** 2 - t[..., 1] ** 2 + t[..., 1] ** 4] * 25, vector(2) * 0.05)
    torch.testing.assert_close(path[-1].abs(), torch.tensor([0.0, 0.5**0.5], dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.parametrize("units", [torch.ones(6).double(), torch.logspace(-4, 4, 6, dtype=torch.float64)])
def test_dependent_columns_give_the_shortest_step(units):
    """C = XᵀX with two dependent columns, in equal units and in units of 1e-4 to 1e4: LAPACK's lstsq is the judge."""
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * units
    x[:, 3] = x[:, 0] / units[0] * units[3] + x[:, 5] / units[5] * units[3]
    y = vector(40)
    d = newton_direction(x.mT @ x, -x.mT @ y)
    expected = torch.linalg.lstsq(x / units, y[:, None], driver="gelsd").solution[:, 0] / units
    null = torch.zeros(6).double()
    null[0], null[5], null[3] = 1 / units[0], 1 / units[5], -1 / units[3]
    expected = expected - null * (null @ expected) / (null @ null)
    torch.testing.assert_close(x @ d, x @ expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(d, expected, rtol=0, atol=1e-12 * float(expected.norm()))


def test_bad_units_alone_are_not_taken_for_dependence():
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    units = torch.logspace(-7, 7, 5, dtype=torch.float64)
    truth = vector(5)
    c = (x * units).mT @ (x * units)
    d = newton_direction(c, -c @ (truth / units))
    torch.testing.assert_close(d * units, truth, rtol=1e-9, atol=1e-9)


def test_the_gauge_is_left_alone():
    gauge = torch.linalg.qr(torch.randn(5, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64))[0]
    project = torch.eye(5).double() - gauge @ gauge.mT
    c = project @ wishart(5) @ project
    g = project @ vector(5)
    d = newton_direction(c, g, gauge)
    torch.testing.assert_close(d, -torch.linalg.pinv(c, hermitian=True) @ g, rtol=0, atol=1e-10)
    torch.testing.assert_close(gauge.mT @ d, torch.zeros(2).double(), rtol=0, atol=1e-12)


def test_a_curvature_of_zeros_moves_nothing_and_is_an_outcome(follow):
    path, state = follow(newton(), [lambda theta: theta.sum(-1)], torch.zeros(3).double())
    assert torch.equal(path[1], path[0])
    assert "newton" in state.outcome


def test_a_stationary_point_is_no_failure(follow):
    _, state = follow(newton(), [lambda theta: theta.square().sum(-1)], torch.zeros(3).double())
    assert state.outcome is None
    assert state.evidence["newton_decrement"] == 0


def test_each_run_has_its_own_curvature_and_bad_ones_stay_apart():
    singular, indefinite = wishart(4, rank=2), wishart(4) - 0.5 * torch.eye(4).double()
    c = torch.stack([wishart(4), singular, indefinite, torch.full((4, 4), torch.nan).double()])
    g = torch.stack([vector(4), singular @ vector(4), vector(4), vector(4)])
    d = newton_direction(c, g)
    assert torch.linalg.eigvalsh(indefinite).min() < 0
    torch.testing.assert_close(d[0], -torch.linalg.solve(c[0], g[0]))
    torch.testing.assert_close(d[1], -torch.linalg.pinv(singular, hermitian=True, rtol=1e-10) @ g[1])
    assert g[2] @ d[2] < 0
    assert torch.equal(d[3], torch.zeros(4).double())


def test_a_nan_run_costs_the_others_nothing(follow, view, monkeypatch):
    calls = []
    moved = view.moved
    monkeypatch.setattr(view, "moved", lambda self, theta: calls.append(theta) or moved(self, theta))
    starts = torch.stack([vector(3), torch.full((3,), torch.nan).double()])
    path, state = follow(newton(), [lambda theta: theta.square().sum(-1)], starts)
    assert path[1][0].abs().max() < 1e-15
    assert len(calls) == 1
    assert state.outcome is None


def test_says_what_it_needs_and_refuses_what_it_does_not_know():
    assert newton().needs == {Need.VALUE, Need.GRAD, Need.HESSIAN}
    assert irls().needs == {Need.VALUE, Need.GRAD, Need.FISHER}
    with pytest.raises(SpecificationError, match="curvature"):
        SecondOrder("observed")
    with pytest.raises(SpecificationError, match="damping"):
        newton(damping=-1.0)
