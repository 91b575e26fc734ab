"""Models in time: volatility, hidden states, learning day by day."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.signal import lfilter
from sklearn.linear_model import SGDRegressor

from .cases import Cases, Floats
from .tools import change, column, forward, momenta

CASES = Cases()


def _garch_variances(square: Floats, alpha: float, beta: float, mean: float) -> Floats:
    """GARCH(1, 1) with a given mean: h_t = (1 − α − β) mean + α r²_{t−1} + β h_{t−1}, h_0 = mean."""
    drive = (1 - alpha - beta) * mean + alpha * square[:-1]
    return np.concatenate([[mean], lfilter([1], [1, -beta], drive, zi=[beta * mean])[0]])


@CASES.leaky("h_t runs over the days before t, but α, β and the mean are the likeliest for all days", lag=1)
def log_volatility_by_garch(table):
    square = np.nan_to_num(100 * change(column(table, "close"))) ** 2
    mean = square.mean()

    def weights(theta):
        alpha, beta, rest = np.exp(theta[0]), np.exp(theta[1]), 1.0
        return alpha / (alpha + beta + rest), beta / (alpha + beta + rest)

    def cost(theta):
        h = _garch_variances(square, *weights(theta), mean)
        return np.sum(np.log(h) + square / h)

    best = minimize(cost, [0.5, 2.5], method="Nelder-Mead", options={"maxiter": 60})
    return 0.5 * np.log(_garch_variances(square, *weights(best.x), mean))


@CASES.clean("a Kalman filter goes forward once; its noise is given")
def level_and_slope_by_kalman(table):
    step, seen = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([1.0, 0.0])
    noise, error = np.diag([1e-4, 1e-6]), 4e-4
    state, spread = np.array([np.log(table["close"][0]), 0.0]), np.eye(2)
    out = np.empty((len(table), 2))
    for t, price in enumerate(np.log(column(table, "close"))):
        state, spread = step @ state, step @ spread @ step.T + noise
        gain = spread @ seen / (seen @ spread @ seen + error)
        state = state + gain * (price - seen @ state)
        spread = spread - np.outer(gain, seen @ spread)
        out[t] = state
    return out


@CASES.clean("every ten days the weights learn from the ten labels known by then")
def learning_every_fortnight(table):
    X = np.clip(np.nan_to_num(50 * momenta(table)), -5, 5)  # so that no step of size 0.01 overshoots
    y = np.clip(100 * forward(column(table, "close")), -10, 10)
    model = SGDRegressor(learning_rate="constant", eta0=0.01, random_state=3)
    out = np.full(len(X), np.nan)
    for t in range(len(X)):
        if t % 10 == 0 and t > 0:
            model.partial_fit(X[t - 10 : t], y[t - 10 : t])
        if t >= 10:
            out[t] = X[t] @ model.coef_ + model.intercept_[0]
    return out
