"""Find the coefficients in likeliest/numerics/gamma.py: minimax rational functions of 1/x² on x ≥ 1, in mpmath.

Run it to print them, in half a minute. Each round solves the linearised least squares for P − f Q, weighted by the last
round's Q and, after Lawson (1961), by its errors, which levels them.
"""

from __future__ import annotations

from collections.abc import Callable

from mpmath import atanh, cos, log, loggamma, matrix, mp, mpf, pi, polyval, psi, qr_solve

HALF = mpf(1) / 2


def error(x: mpf) -> mpf:
    return x * (loggamma(x) - (x - HALF) * log(x) + x - log(2 * pi) / 2)


def error_slope(x: mpf) -> mpf:
    return -(x**2) * (psi(0, x) - log(x) + HALF / x)


def error_curvature(x: mpf) -> mpf:
    return x**3 * psi(1, x) - x**2 - x / 2


def step(x: mpf) -> mpf:
    return -x * (loggamma(x + HALF) - loggamma(x) - log(x) / 2)


def step_slope(x: mpf) -> mpf:
    return x**2 * (psi(0, x + HALF) - psi(0, x)) - x / 2


def step_curvature(x: mpf) -> mpf:
    return -(x**3) * (psi(1, x + HALF) - psi(1, x)) - x / 2


def atanh_beyond(x: mpf) -> mpf:
    """Return (atanh(r)/r − 1)/r² at r = 1/(2x)."""
    return (atanh(HALF / x) * 2 * x - 1) * 4 * x**2


DEGREES: dict[Callable[[mpf], mpf], int] = {
    error: 8,
    error_slope: 8,
    error_curvature: 8,
    step: 8,
    step_slope: 8,
    step_curvature: 8,
    atanh_beyond: 5,
}


def minimax(f: Callable[[mpf], mpf], degree: int, rounds: int = 30) -> tuple[list[mpf], list[mpf], mpf]:
    """Return the coefficients of P and Q, both of the degree and Q(0) = 1, and the largest relative error."""
    count = 6 * degree
    inverse = [(1 - cos(pi * (2 * i + 1) / (2 * count))) / 2 for i in range(count)]
    t, values = [u**2 for u in inverse], [f(1 / u) for u in inverse]
    weight, below = [mpf(1)] * count, [mpf(1)] * count
    for _ in range(rounds):
        rows, right = matrix(count, 2 * degree + 1), matrix(count, 1)
        for i in range(count):
            w = weight[i] / (values[i] * below[i])
            powers = [t[i] ** j for j in range(degree + 1)]
            row = [*powers, *(-values[i] * power for power in powers[1:])]
            for j, entry in enumerate(row):
                rows[i, j] = w * entry
            right[i] = w * values[i]
        solved = list(qr_solve(rows, right)[0])
        top, bottom = solved[: degree + 1], [mpf(1), *solved[degree + 1 :]]
        below = [polyval(bottom[::-1], at) for at in t]
        errors = [abs(polyval(top[::-1], at) / q / v - 1) for at, q, v in zip(t, below, values, strict=True)]
        weight = [w * (e / max(errors)) ** 0.35 + mpf("1e-12") for w, e in zip(weight, errors, strict=True)]
    return top, bottom, max(errors)


if __name__ == "__main__":
    mp.dps = 50
    for f, degree in DEGREES.items():
        top, bottom, worst = minimax(f, degree)
        print(f.__name__, mp.nstr(worst, 3), [float(c) for c in top], [float(c) for c in bottom], sep="\n    ")
