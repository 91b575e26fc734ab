"""Categorical: exact tails, ties at infinity, the gauge, labels as probabilities."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import special

from likeliest.errors import SupportError
from likeliest.families import Categorical

FAMILY = Categorical()
F64 = torch.float64
INF = math.inf
SMALLEST = {dtype: float(np.finfo(name).smallest_subnormal) for dtype, name in ((F64, "f8"), (torch.float32, "f4"))}
ROWS = nps.arrays(np.float64, (3, 4), elements=st.floats(-800, 800))
LABELS = torch.tensor([0, 3, 1])


def softmax_of(row):
    total = mpmath.fsum(mpmath.exp(v) for v in map(mpmath.mpf, row))
    return [mpmath.exp(mpmath.mpf(v)) / total for v in row]


@pytest.mark.parametrize(
    "row",
    [
        (40.0, 0, -3),
        (0.0, 0, 0),
        (700.0, 0.5, 0),
        (1e-9, 0, 0),
        (-80.0, -80, -45),
        (5.0, 4, 2),
        (205.82950008248616, -203.89803797558196, 170.1),
        (-0.1, -87.3, -700.3),
        (7312.7, 6700.1, 7290.3),
    ],
)
@pytest.mark.parametrize("y", [0, 1, 2])
@pytest.mark.parametrize(("dtype", "allowed"), [(F64, 4), (torch.float32, 8)])
def test_log_prob_and_score_are_exact_to_a_few_ulp(row, y, dtype, allowed):
    eta = torch.tensor([row], dtype=dtype)
    with mpmath.workdps(400):
        p = softmax_of(eta[0].tolist())
        score = [mpmath.fsum(p[:k] + p[k + 1 :]) if k == y else -p[k] for k in range(3)]
        exact = [mpmath.log(p[y]), *score]
        log_prob, got = FAMILY.log_prob_and_score(eta, torch.tensor([y]))
        for mine, expected in zip((float(log_prob), *got[0].tolist()), exact, strict=True):
            nearest = torch.tensor(float(expected), dtype=dtype).abs()
            ulp = float(torch.nextafter(nearest, nearest + 1) - nearest)
            assert abs(mine - expected) <= allowed * ulp
        for k, mine in enumerate(FAMILY.mean(eta)[0].tolist()):
            assert abs(mine - p[k]) <= allowed * max(float(p[k]) * torch.finfo(dtype).eps, SMALLEST[dtype])


def test_eta_is_left_as_it_was():
    eta = torch.tensor([[0.3, -40.1, INF], [5.1, -INF, 1e308]], dtype=F64)
    before, y = eta.clone(), torch.tensor([0, 1])
    for function in (FAMILY.log_prob, FAMILY.score, FAMILY.log_prob_and_score, lambda e, _: FAMILY.mean(e)):
        function(eta, y)
        assert torch.equal(eta, before)


@given(ROWS)
def test_the_score_sums_to_zero_and_the_probabilities_are_scipys(rows):
    eta = torch.from_numpy(rows)
    assert FAMILY.score(eta, LABELS).sum(-1).abs().max() <= 1e-15
    expected = torch.from_numpy(special.softmax(rows, -1))
    torch.testing.assert_close(FAMILY.mean(eta), expected, rtol=1e-12, atol=4 * SMALLEST[F64])


@given(ROWS, st.floats(-100, 100))
def test_a_shift_of_all_classes_changes_nothing(rows, shift):
    eta = torch.from_numpy(np.round(rows, 3))
    shifted = eta + shift
    torch.testing.assert_close(FAMILY.log_prob(shifted, LABELS), FAMILY.log_prob(eta, LABELS), rtol=1e-12, atol=1e-12)
    ones = torch.ones(3, 4, dtype=F64)
    assert FAMILY.fisher_times(eta, ones).abs().max() <= 1e-15
    assert FAMILY.gauge == "shift"


@pytest.mark.parametrize(
    ("row", "p", "log_p"),
    [
        ((INF, INF, 0), (0.5, 0.5, 0), (-math.log(2), -math.log(2), -INF)),
        ((INF, INF, INF), (1 / 3,) * 3, (-math.log(3),) * 3),
        ((-INF, -INF, -INF), (1 / 3,) * 3, (-math.log(3),) * 3),
        ((-INF, 0, 0), (0, 0.5, 0.5), (-INF, -math.log(2), -math.log(2))),
        ((1e308, -1e308, -INF), (1, 0, 0), (0, -INF, -INF)),
        ((INF, 1e308, -INF), (1, 0, 0), (0, -INF, -INF)),
    ],
)
def test_the_table_of_ends(row, p, log_p):
    eta = torch.tensor([row] * 3, dtype=F64)
    y = torch.arange(3)
    assert FAMILY.mean(eta)[0].tolist() == pytest.approx(p)
    assert FAMILY.log_prob(eta, y).tolist() == pytest.approx(log_p)
    torch.testing.assert_close(FAMILY.score(eta, y), torch.eye(3, dtype=F64) - torch.tensor(p, dtype=F64))
    hot = torch.eye(3, dtype=F64)
    assert FAMILY.log_prob(eta, hot).tolist() == pytest.approx(log_p)


def test_probabilities_as_labels_mix_the_indices():
    rng = np.random.default_rng(0)
    eta, y = torch.from_numpy(rng.normal(size=(2, 5, 3))), torch.from_numpy(rng.dirichlet(np.ones(3), 5))
    parts = [FAMILY.log_prob(eta, torch.full((5,), k)) for k in range(3)]
    torch.testing.assert_close(FAMILY.log_prob(eta, y), sum(y[:, k] * parts[k] for k in range(3)))
    leaf = eta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(FAMILY.log_prob(leaf, y).sum(), leaf)
    torch.testing.assert_close(FAMILY.score(eta, y), gradient)
    torch.testing.assert_close(FAMILY.log_prob_and_score(eta, y)[1], gradient)
    entropy = torch.from_numpy(special.entr(y.numpy()).sum(-1))
    torch.testing.assert_close(FAMILY.deviance(eta, y), -2 * (FAMILY.log_prob(eta, y) + entropy))


def test_one_hot_rows_are_indices():
    eta, hot = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 4))), torch.eye(4, dtype=F64)[LABELS]
    for function in (FAMILY.log_prob, FAMILY.score, FAMILY.deviance, FAMILY.linear_error, FAMILY.decision_error):
        torch.testing.assert_close(function(eta, hot), function(eta, LABELS))
    torch.testing.assert_close(FAMILY.null_eta(hot), FAMILY.null_eta(LABELS, outputs=4))
    assert torch.equal(FAMILY.recession_cone(hot), FAMILY.recession_cone(LABELS, 4))


def test_classes_with_a_share_of_one_row_must_move_together():
    cone = FAMILY.recession_cone(torch.tensor([[0.6, 0.4, 0.0]]))
    inside = torch.tensor([[1.0, 1, 1], [1, 1, 0], [0, 0, -1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=F64)
    within = (torch.einsum("mk,ik->im", cone[0], inside) >= 0).all(-1)
    assert within.tolist() == [True, True, True, False, False, False]


def test_samples_share_their_classes_as_the_probabilities_do():
    eta = torch.tensor([0.0, 1.0, -INF, 2.0]).expand(20_000, -1)
    counts = torch.bincount(FAMILY.sample(eta, np.random.default_rng(0)), minlength=4)
    p = FAMILY.mean(eta[0]).numpy()
    assert counts[2] == 0
    assert np.all(np.abs(counts.numpy() - 20_000 * p) <= 5 * np.sqrt(20_000 * p * (1 - p)))


def test_errors_of_the_older_rules():
    eta = torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.0, 0.0]])
    assert FAMILY.decision_error(eta, torch.tensor([0, 0])).tolist() == [[1, -1, 0], [0, 0, 0]]
    assert FAMILY.linear_error(eta, torch.tensor([1, 2])).tolist() == [[-1, -2, 0], [-2, -2, 1]]


def test_a_class_without_rows_has_null_eta_at_minus_infinity():
    null = FAMILY.null_eta(torch.tensor([0, 2, 2]), outputs=4)
    assert null.exp().tolist() == pytest.approx([1 / 3, 0, 2 / 3, 0])


@pytest.mark.parametrize(
    ("y", "outputs", "message"),
    [
        (torch.tensor([0, 3, 1]), 3, r"row 1: .*found 3; number the 3 classes from 0"),
        (torch.tensor([0, -1]), None, r"row 1: .*found -1; number the K classes from 0"),
        (
            torch.tensor([[0.5, 0.5], [0.7, 0.7]]),
            None,
            r"row 1: .*found \[0.69.*, 0.69.*\]; divide each row by its sum",
        ),
        (torch.tensor([[1.5, -0.5]]), 2, r"row 0: .*divide each row"),
        (torch.tensor([[math.nan, 1.0]]), 2, r"row 0"),
        (torch.tensor([1.0, 0.0]), None, r"found float32 of shape \(2,\); pass y.long\(\)"),
        (torch.eye(2), 3, r"with 3 classes .*found float32 of shape \(2, 2\)"),
        (torch.tensor([0, 1], dtype=torch.int32), None, r"found int32"),
    ],
)
def test_outside_the_support(y, outputs, message):
    with pytest.raises(SupportError, match=message):
        FAMILY.check_support(y, outputs)
