"""Linear predictors under seventeen losses, by hand in NumPy: plain, badly scaled, at an optimum, on a kink."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

Named = tuple[str, dict[str, Any]]
Array = np.ndarray


class Loss(NamedTuple):
    """A loss of (η, y) with its slope in η; `draw` makes targets, `kink` makes those that put rows on a kink."""

    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]
    draw: Callable[[np.random.Generator, Array], Array]
    kink: Callable[[Array], Array] | None = None


def real(random, eta):
    return eta + random.normal(size=eta.shape)


def binary(random, eta):
    return (random.random(eta.shape) < special.expit(eta)).astype(float)


def count(random, eta):
    return random.poisson(np.exp(np.clip(eta, -20, 20))).astype(float)


def positive(random, eta):
    return np.exp(np.clip(eta, -20, 20)) * random.gamma(2.0, 0.5, eta.shape)


def sign(y):
    return 2 * y - 1


def itself(eta):
    return eta


def margin_one(eta):
    """Labels with which a margin of 1 is met exactly where |η| = 1."""
    return (eta > 0).astype(float)


def negative_binomial(eta, y):
    return (y + 2) * np.log1p(np.exp(eta) / 2) - y * eta


def cloglog(eta, y):
    m = np.exp(eta)
    return np.where(y == 1, -np.log(-np.expm1(-m)), m)


def cloglog_slope(eta, y):
    m = np.exp(eta)
    return np.where(y == 1, -m * np.exp(-m) / -np.expm1(-m), m)


def probit_slope(eta, y):
    s = sign(y)
    return -s * np.exp(-(eta**2) / 2 - special.log_ndtr(s * eta)) / np.sqrt(2 * np.pi).astype(eta.dtype)


LOSSES = {
    "squared": Loss(lambda e, y: (e - y) ** 2 / 2, lambda e, y: e - y, real),
    "logistic": Loss(lambda e, y: np.logaddexp(0, e) - y * e, lambda e, y: special.expit(e) - y, binary),
    "poisson": Loss(lambda e, y: np.exp(e) - y * e + special.gammaln(y + 1), lambda e, y: np.exp(e) - y, count),
    "gamma": Loss(lambda e, y: e + y * np.exp(-e), lambda e, y: 1 - y * np.exp(-e), positive),
    "negative_binomial": Loss(negative_binomial, lambda e, y: (np.exp(e) - y) / (1 + np.exp(e) / 2), count),
    "tweedie": Loss(
        lambda e, y: 2 * (y * np.exp(-e / 2) + np.exp(e / 2)), lambda e, y: np.exp(e / 2) - y * np.exp(-e / 2), positive
    ),
    "cloglog": Loss(cloglog, cloglog_slope, binary),
    "probit": Loss(lambda e, y: -special.log_ndtr(sign(y) * e), probit_slope, binary),
    "exponential": Loss(lambda e, y: np.exp(-sign(y) * e), lambda e, y: -sign(y) * np.exp(-sign(y) * e), binary),
    "student_t": Loss(
        lambda e, y: 2.5 * np.log1p((e - y) ** 2 / 4), lambda e, y: 5 * (e - y) / (4 + (e - y) ** 2), real
    ),
    "log_cosh": Loss(lambda e, y: np.logaddexp(e - y, y - e), lambda e, y: np.tanh(e - y), real),
    "squared_hinge": Loss(
        lambda e, y: np.maximum(0, 1 - sign(y) * e) ** 2,
        lambda e, y: -2 * sign(y) * np.maximum(0, 1 - sign(y) * e),
        binary,
        margin_one,
    ),
    "hinge": Loss(
        lambda e, y: np.maximum(0, 1 - sign(y) * e), lambda e, y: -sign(y) * (sign(y) * e < 1), binary, margin_one
    ),
    "huber": Loss(
        lambda e, y: np.where(np.abs(e - y) < 1, (e - y) ** 2 / 2, np.abs(e - y) - 0.5),
        lambda e, y: np.clip(e - y, -1, 1),
        real,
        lambda e: e + 1,
    ),
    "pinball": Loss(
        lambda e, y: np.maximum(0.3 * (y - e), 0.7 * (e - y)),
        lambda e, y: np.where(y > e, -0.3, 0.7).astype(e.dtype),
        real,
        itself,
    ),
    "absolute": Loss(lambda e, y: np.abs(e - y), lambda e, y: np.sign(e - y), real, itself),
    "insensitive": Loss(
        lambda e, y: np.maximum(0, np.abs(e - y) - 0.5),
        lambda e, y: np.sign(e - y) * (np.abs(e - y) > 0.5),
        real,
        lambda e: e + 0.5,
    ),
}
CONDITIONS = (
    "plain", "tiny_loss", "huge_loss", "units", "optimum", "empty_column", "large_theta", "large_mean", "summed",
    "on_kink",
)  # fmt: skip


def linear_models() -> Iterator[Named]:
    """Every loss under every condition that it has; each third in f32, each second with a mapping for θ."""
    for i, (name, loss) in enumerate(LOSSES.items()):
        for j, condition in enumerate(CONDITIONS):
            if (condition == "on_kink") > (loss.kink is not None):
                continue
            if condition == "large_mean" and loss.draw not in (count, positive, real):
                continue
            for k in range(2):
                dtype = np.float32 if (i + j + k) % 3 == 0 else np.float64
                rows = 400 if k else 12
                yield (
                    f"numpy-linear-{name}-{condition}-{np.dtype(dtype).name}-{rows}",
                    linear_model(loss, condition, dtype, rows, seed=1000 * i + 10 * j + k, mapping=(i + j) % 2 == 0),
                )


def linear_model(loss, condition, dtype, rows, seed, mapping):
    """Arguments of ``check_gradient`` for Σ loss(Xw + b, y), its mean, or a multiple of that."""
    random = np.random.default_rng(seed)
    X, w, b = random.normal(size=(rows, 5)), random.normal(size=5) / 2, 0.3
    match condition:
        case "units":
            units = 10.0 ** np.array([-6, -3, 0, 3, 6])
            X, w = X * units, w / units
        case "empty_column":
            X[:, 2] = 0
        case "large_theta":
            w = 3 * w
        case "large_mean":
            b = np.log(1e6) if loss.draw in (count, positive) else 1e6 if dtype == np.float64 else 1e3
        case "on_kink":
            X, w, b = random.integers(-2, 3, X.shape).astype(float), random.integers(-1, 2, 5).astype(float), 1.0
    factor = {"tiny_loss": 1e-6, "huge_loss": 1e6, "summed": 1.0}.get(condition, 1.0) / (
        1 if condition == "summed" else rows
    )
    X, w, b = X.astype(dtype), w.astype(dtype), np.array(b, dtype)
    y = loss.draw(random, (X @ w + b).astype(float))
    if condition == "on_kink":
        y[::2] = loss.kink((X @ w + b).astype(float))[::2]
    y = y.astype(dtype)

    def fun(theta):
        w, b = split(theta)
        return factor * np.sum(loss.value(X @ w + b, y))

    def grad(theta):
        w, b = split(theta)
        slope = factor * loss.slope(X @ w + b, y)
        return {"w": X.T @ slope, "b": slope.sum()} if mapping else np.append(X.T @ slope, slope.sum())

    def split(theta):
        return (theta["w"], theta["b"]) if mapping else (theta[:-1], theta[-1])

    if condition == "optimum":
        w, b = nearly_optimal(loss, X, y, w, b)
    return {"fun": fun, "grad": grad, "theta": {"w": w, "b": b} if mapping else np.append(w, b)}


def nearly_optimal(loss, X, y, w, b):
    """A few steps of BFGS: a gradient that is small beside its terms."""
    X1 = np.column_stack([X, np.ones(len(X))]).astype(float)

    def mean(t):
        return np.mean(loss.value(X1 @ t, y)) + 1e-3 * t @ t, X1.T @ loss.slope(X1 @ t, y) / len(y) + 2e-3 * t

    found = optimize.minimize(mean, np.append(w, b), jac=True, method="BFGS", options={"maxiter": 15}).x.astype(w.dtype)
    return found[:-1], found[-1:].reshape(())
