"""Expected shortfall: the mean of a tail in closed form, beside mpmath's integrals of quantiles and densities."""

import math

import numpy as np
import pytest
import torch
from mpmath import mp, mpf
from scipy import integrate, stats

import likeliest as lk
from likeliest.errors import NotOnOfferError
from likeliest.families import Automatic

F64, INF = torch.float64, math.inf
LEVELS = (1e-6, 0.001, 0.025, 0.05, 0.4, 0.5, 0.6, 0.95, 0.999)
SHAPES = {
    "normal": [()],
    "laplace": [()],
    "student_t": [(math.log(1.2),), (1.0,), (3.0,), (40.0,)],
    "standardised_student_t": [(-2.0,), (1.0,), (4.0,), (40.0,)],
    "skewed_student_t": [(1.0, 0.0), (-1.0, -0.4), (1.5, 0.9), (4.0, -2.0), (40.0, 0.3)],
}
CASES = [pytest.param(lk.family(name), shape, id=f"{name}-{shape}") for name in SHAPES for shape in SHAPES[name]]
CASES += [pytest.param(lk.family("asymmetric_laplace", level=q), (), id=f"pinball-{q}") for q in (0.05, 0.8)]


def column(*values):
    return torch.tensor(values, dtype=F64)


def integrated(family, eta, level):
    """E[Y; Y ≤ q]/level by tanh-sinh rules: from the quantile to the kink, if it lies below, and over the rest."""
    top, total = float(family.quantile(eta, column(level))), 0.0
    kink = {4: 0.5 * (1 - torch.tanh(eta[-1])), 2: column(family.settings.get("level", 0.5))}.get(len(eta), column(0.5))
    kink = float(family.quantile(eta, kink))

    def density(y):
        return y * family.log_prob(tuple(c[:, None] for c in eta), torch.from_numpy(y.reshape(1, -1))).exp().numpy()

    def beyond(u):
        return density(top - depth * u).reshape(u.shape) * depth

    if kink < top:
        inner = integrate.tanhsinh(lambda y: density(y).reshape(y.shape), kink, top, rtol=1e-12)
        total, top = float(inner.integral), kink
    depth = max(float(eta[1].exp()), abs(top))
    return (total + float(integrate.tanhsinh(beyond, 0, INF, rtol=1e-12).integral)) / level


@pytest.mark.parametrize(("family", "shape"), CASES)
@pytest.mark.parametrize("level", LEVELS)
def test_it_is_the_integral_over_the_tail(family, shape, level):
    eta = column(0.3), column(-0.2), *(column(value) for value in shape)
    ours = float(family.tail_mean(eta, column(level)))
    assert ours == pytest.approx(integrated(family, eta, level), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("level", [1e-5, 0.01, 0.3])
def test_of_students_t_it_is_mpmaths(level):
    """The density at the quantile carries it: f(q) (ν + q²)/(ν − 1), here integrated at 40 digits."""
    log_df = 1.1
    q = float(stats.t(math.exp(log_df)).ppf(level))
    with mp.workdps(40):
        df = mp.exp(mpf(log_df))
        constant = mp.gamma((df + 1) / 2) / (mp.gamma(df / 2) * mp.sqrt(mp.pi * df))
        integral = mp.quad(lambda x: x * constant * (1 + x**2 / df) ** (-(df + 1) / 2), [-mp.inf, 10 * mpf(q), mpf(q)])
    ours = float(lk.family("student_t").tail_mean((column(0), column(0), column(log_df)), column(level)))
    assert ours == pytest.approx(float(integral) / level, rel=1e-9)


@pytest.mark.parametrize(("family", "shape"), CASES)
def test_at_the_ends_of_the_level(family, shape):
    eta = column(0.3), column(-0.2), *(column(value) for value in shape)
    assert family.tail_mean(eta, column(0.0)).item() == -INF
    assert family.tail_mean(eta, column(1.0)).item() == pytest.approx(float(family.mean(eta)), rel=1e-14)
    below = family.tail_mean(eta, torch.linspace(0.01, 1, 50, dtype=F64))
    assert bool((below.diff() > 0).all())
    assert bool((below <= family.quantile(eta, torch.linspace(0.01, 1, 50, dtype=F64))).all())


@pytest.mark.parametrize(("family", "shape"), CASES)
def test_single_precision_and_columns(family, shape):
    eta = torch.linspace(-1, 1, 6), torch.full((1,), -0.2), *(torch.tensor([value]) for value in shape)
    found = family.tail_mean(eta, torch.tensor(0.05))
    assert found.dtype == torch.float32
    assert found.shape == (6,)
    fine = family.tail_mean(tuple(c.double() for c in eta), torch.tensor(0.05).double())
    torch.testing.assert_close(found.double(), fine, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("log_df", [-INF, -3.0, 0.0])
def test_where_there_is_no_mean_it_is_infinite(log_df):
    assert lk.family("student_t").tail_mean((column(0), column(0), column(log_df)), column(0.05)).item() == -INF


@pytest.mark.parametrize(("family", "shape"), CASES)
def test_it_is_the_mean_of_the_lowest_draws(family, shape):
    if shape and shape[0] < 0.5:
        pytest.skip("its tail has no variance")
    n, level = 200_000, 0.05
    eta = tuple(c.expand(n) for c in (column(0.3), column(-0.2), *map(column, shape)))
    y = family.sample(eta, np.random.default_rng(0))
    lowest = y.sort().values[: int(level * n)]
    ours = float(family.tail_mean(tuple(c[:1] for c in eta), column(level)))
    assert ours == pytest.approx(float(lowest.mean()), abs=8 * float(lowest.std()) / math.sqrt(level * n))


@pytest.mark.parametrize("name", ["poisson", "gamma", "bernoulli", "categorical", "ctc"])
def test_other_families_have_none(name):
    with pytest.raises(NotOnOfferError, match=f"the mean of a tail needs .* found {name}; average those draws"):
        lk.family(name).tail_mean(torch.zeros(2, 3), torch.tensor(0.05))


def test_a_family_of_ones_own_says_how_to_give_it():
    class Gumbel(Automatic):
        columns = ("mode", "log_scale")

        def log_prob(self, eta, y):
            z = (y - eta[0]) * torch.exp(-eta[1])
            return -z - torch.exp(-z) - eta[1]

    with pytest.raises(NotOnOfferError, match="Gumbel gives no tail_mean; define tail_mean in the class Gumbel"):
        Gumbel().tail_mean((column(0), column(0)), column(0.05))
