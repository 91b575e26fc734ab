"""Filters in time against loops over time, and their adjoints against the matrix that they are."""

import numpy as np
import pytest
import torch

from likeliest.numerics.filters import adjoint_filter, adjoint_lagged_mean, lagged_mean, linear_filter

ORDERS = [[], [0.9], [0.5, 0.3], [0.2, -0.4, 0.1]]


def matrix(function, n):
    """The matrix of a linear map on series of n."""
    return torch.stack([function(unit) for unit in torch.eye(n, dtype=torch.float64)], 1)


@pytest.mark.parametrize("b", ORDERS)
def test_the_filter_is_its_recursion(b):
    u = np.random.default_rng(0).normal(size=40)
    h = []
    for t in range(40):
        h.append(u[t] + sum(b[j] * h[t - 1 - j] for j in range(min(len(b), t))))
    found = linear_filter(torch.from_numpy(u), torch.tensor(b, dtype=torch.float64))
    np.testing.assert_allclose(found, h, rtol=1e-13)


@pytest.mark.parametrize("b", ORDERS)
def test_the_adjoint_filter_is_the_transpose(b):
    feedback = torch.tensor(b, dtype=torch.float64)
    forwards = matrix(lambda u: linear_filter(u, feedback), 12)
    torch.testing.assert_close(matrix(lambda u: adjoint_filter(u, feedback), 12), forwards.mT, rtol=1e-13, atol=0)


def test_runs_have_feedback_of_their_own():
    u, b = torch.randn(3, 2, 20, dtype=torch.float64), torch.tensor([[0.1], [0.5], [0.9]], dtype=torch.float64)
    for own, feedback, found in zip(u, b, linear_filter(u, b), strict=True):
        assert torch.equal(linear_filter(own, feedback), found)


@pytest.mark.parametrize(("lag", "window"), [(1, 1), (3, 1), (1, 5), (2, 4), (30, 2)])
def test_a_lagged_mean_is_the_mean_of_days_before(lag, window):
    v, n = np.random.default_rng(1).normal(size=20), 20
    days = [[v[t - lag - i] if t - lag - i >= 0 else 7.0 for i in range(window)] for t in range(n)]
    found = lagged_mean(torch.from_numpy(v), lag, window, 7.0)
    np.testing.assert_allclose(found, np.mean(days, axis=1), rtol=1e-14, atol=1e-15)
    forwards = matrix(lambda u: lagged_mean(u, lag, window, 0.0), n)
    back = matrix(lambda u: adjoint_lagged_mean(u, lag, window), n)
    torch.testing.assert_close(back, forwards.mT, rtol=1e-14, atol=1e-15)


def test_what_stands_at_a_time_never_changes_with_the_future():
    u = torch.randn(3000, dtype=torch.float64)
    other = torch.cat((u[:1001], 1e3 * torch.randn(500, dtype=torch.float64)))
    b = torch.tensor([0.9], dtype=torch.float64)
    for function in (lambda x: linear_filter(x, b), lambda x: lagged_mean(x, 1, 22, 0.0)):
        assert torch.equal(function(u)[:1001], function(other)[:1001])
