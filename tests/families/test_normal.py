"""Normal: the ends of μ and s, columns that broadcast, perfect fits."""

import math

import numpy as np
import pytest
import torch
from mpmath import mp, mpf

from likeliest.errors import NotOnOfferError, SupportError
from likeliest.families import Normal
from likeliest.families.location_scale import standardised

FAMILY = Normal()
F64 = torch.float64
INF = math.inf


@pytest.mark.parametrize(
    ("mean", "log_scale", "log_prob", "score"),
    [
        (INF, 0.0, -INF, (-INF, INF)),
        (-INF, 800.0, -INF, (INF, INF)),
        (2.0, -INF, INF, (0, -1)),
        (1.0, -INF, -INF, (INF, INF)),
        (2.0, -1e308, 1e308, (0, -1)),
        (1.0, INF, -INF, (0, -1)),
        (1.0, 1e308, -1e308, (0, -1)),
        (INF, INF, -INF, (-INF, INF)),
    ],
)
def test_the_table_of_ends(mean, log_scale, log_prob, score):
    eta = torch.tensor([mean], dtype=F64), torch.tensor([log_scale], dtype=F64)
    y = torch.tensor([2.0], dtype=F64)
    assert FAMILY.log_prob(eta, y).tolist() == [log_prob]
    assert tuple(column.item() for column in FAMILY.score(eta, y)) == score


def test_a_constant_column_gives_what_a_full_one_gives():
    rng = np.random.default_rng(0)
    mean, y = torch.from_numpy(rng.normal(size=(3, 6))), torch.from_numpy(rng.normal(size=6))
    constant = torch.from_numpy(rng.normal(size=(3, 1)))
    full = constant.expand(3, 6)
    torch.testing.assert_close(FAMILY.log_prob((mean, constant), y), FAMILY.log_prob((mean, full), y))
    for narrow, wide in zip(FAMILY.score((mean, constant), y), FAMILY.score((mean, full), y), strict=True):
        assert narrow.shape == (3, 6)
        torch.testing.assert_close(narrow, wide)
    assert FAMILY.fisher((mean, constant)).shape == (3, 6, 2, 2)
    torch.testing.assert_close(FAMILY.observed((mean, constant), y), FAMILY.observed((mean, full), y))
    assert FAMILY.sample((mean, constant), np.random.default_rng(0)).shape == (3, 6)


def test_a_standardised_residual_is_rounded_once():
    """Beside what the rounding of s excuses: else the square of z has lost its last digits to y − μ and e^(−s)."""
    rng = np.random.default_rng(2)
    mean, log_scale, y = rng.normal(size=(3, 2000)) * 10.0 ** rng.uniform((-9, -12, 0), (0, -1, 2), (2000, 3)).T
    z = standardised(tuple(map(torch.from_numpy, (mean, log_scale))), torch.from_numpy(y)).tolist()
    with mp.workprec(200):
        exact = [(mpf(b) - mpf(m)) * mp.exp(-mpf(s)) for m, s, b in zip(mean, log_scale, y, strict=True)]
        missed = [float(abs(mpf(a) - b)) for a, b in zip(z, exact, strict=True)]
    assert bool((missed <= 0.5 * np.spacing(np.abs(z)) + 2 * np.abs(z) * np.spacing(np.abs(log_scale))).all())


def test_a_perfect_fit_has_its_scale_at_minus_infinity():
    assert FAMILY.null_eta(torch.full((7,), 0.1, dtype=F64)).tolist() == [0.1, -INF]


def test_null_eta_is_numpys_mean_and_standard_deviation():
    y = np.random.default_rng(1).normal(1e6, 1.0, 50)
    assert FAMILY.null_eta(torch.from_numpy(y)).tolist() == pytest.approx([y.mean(), math.log(y.std())], rel=1e-12)


def test_what_a_density_has_not():
    eta, y = (torch.zeros(1), torch.zeros(1)), torch.zeros(1)
    assert FAMILY.recession_cone(y) is None
    with pytest.raises(NotOnOfferError, match="compare log_prob"):
        FAMILY.deviance(eta, y)
    with pytest.raises(NotOnOfferError, match="found normal; use linear_error"):
        FAMILY.decision_error(eta, y)


def test_the_linear_error_moves_the_mean_alone():
    error, rest = FAMILY.linear_error((torch.tensor([1.0, 2.0]), torch.tensor([0.3])), torch.tensor([4.0, 4.0]))
    assert error.tolist() == [3, 2]
    assert rest.tolist() == [0, 0]


@pytest.mark.parametrize("bad", [math.nan, INF, -INF])
def test_outside_the_support(bad):
    with pytest.raises(
        SupportError, match=r"row 1: normal needs a finite number y, found -?(nan|inf); leave the row out"
    ):
        FAMILY.check_support(torch.tensor([0.0, bad]))
