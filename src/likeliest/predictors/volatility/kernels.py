"""The loops over days that no linear filter is, compiled by numba when they are first called."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeliest.errors import SpecificationError

Floats = NDArray[np.float64]


@cache
def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel as machine code, which is kept on disk.

    Raises:
        SpecificationError: numba is not installed.
    """
    try:
        from numba import njit
    except ImportError:
        raise SpecificationError(
            "an exponential GARCH is a loop over days, which numba compiles; install it with: "
            "pip install 'likeliest[finance]'"
        ) from None
    machine_code: Callable[..., Any] = njit(cache=True)(kernel)
    return machine_code


def log_variance(
    error: Floats, omega: float, alpha: Floats, gamma: Floats, beta: Floats, before: float, mean: float, out: Floats
) -> None:
    """Write z, ℓ (2, n): ℓ_t = ω + Σ α_i (|z_{t−i}| − E|z|) + Σ γ_i z_{t−i} + Σ β_j ℓ_{t−j}, z_t = ε_t e^{−ℓ_t/2}."""
    for t in range(error.shape[0]):
        total = omega
        for i in range(min(alpha.shape[0], t)):
            total += alpha[i] * (abs(out[0, t - 1 - i]) - mean)
        for i in range(min(gamma.shape[0], t)):
            total += gamma[i] * out[0, t - 1 - i]
        for j in range(beta.shape[0]):
            total += beta[j] * (out[1, t - 1 - j] if t > j else before)
        out[1, t] = total
        out[0, t] = error[t] * np.exp(-0.5 * total)


def varying_filter(u: Floats, feedback: Floats) -> None:
    """Write over each row of u (m, n) the h with h_t = u_t + Σ_j b_j(t − j) h_{t−j}, for b (q, n)."""
    for row in range(u.shape[0]):
        for t in range(u.shape[1]):
            for j in range(min(feedback.shape[0], t)):
                u[row, t] += feedback[j, t - 1 - j] * u[row, t - 1 - j]


def adjoint_varying_filter(u: Floats, feedback: Floats) -> None:
    """Write over u (n,) the a with a_t = u_t + Σ_j b_j(t) a_{t+j}: the transpose."""
    n = u.shape[0]
    for t in range(n - 1, -1, -1):
        for j in range(min(feedback.shape[0], n - 1 - t)):
            u[t] += feedback[j, t] * u[t + 1 + j]
