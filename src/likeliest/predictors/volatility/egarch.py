"""Exponential GARCH: the logarithm of the variance follows a recursion driven by standardised shocks.

These are divided by the standard deviation that they then change, so that the recursion is no linear filter. Its
derivative is one, with coefficients that vary from day to day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.numerics.filters import lagged_mean
from likeliest.predictors.base import Natural, Predictor
from likeliest.predictors.volatility.base import ConditionalVolatility
from likeliest.predictors.volatility.coefficients import Coefficients
from likeliest.predictors.volatility.kernels import adjoint_varying_filter, compiled, log_variance, varying_filter
from likeliest.predictors.volatility.linear_variance import AT_BOUND

_MEAN_SIZE = math.sqrt(2 / math.pi)
"""E|z| of a standard normal z."""


class _Tape(NamedTuple):
    shocks: Tensor
    """z, (…, n)."""
    log_variance: Tensor
    """ℓ, (…, n)."""
    reach: Tensor
    """∂ℓ_{t+i}/∂z_t = α_i sign z_t + γ_i, (…, lags, n)."""
    feedback: Tensor
    """∂ℓ_{t+i}/∂ℓ_t = β_i − ½ reach_i z_t, (…, lags, n)."""
    jacobian: Tensor
    """∂β/∂θ, (…, q, q)."""


class ExponentialGarch(ConditionalVolatility):
    """EGARCH(p, o, q); see `ConditionalVolatility` for the layout of x and η.

        ℓ_t = ω + Σ_i α_i (|z_{t−i}| − √(2/π)) + Σ_i γ_i z_{t−i} + Σ_j β_j ℓ_{t−j},   z = ε e^{−ℓ/2},   log_scale = ½ ℓ

    Before the first day z is 0 and ℓ the logarithm of ``presample``. α and γ are free; β ≥ 0 with Σ β < 1, by logits of
    their sum and of their shares of it. Needs numba, of the extra ``finance``.

    Args:
        p: lags of |z|.
        o: lags of z, which tell losses from gains.
        q: lags of ℓ.
        mean: of μ; a constant if None.
        presample: the variance of the days before the first.
        level: the variance that a fit starts from.

    Raises:
        SpecificationError: no lag at all, a variance that is not positive, or numba is missing.

    Source: Nelson (1991), Conditional heteroskedasticity in asset returns: a new approach.
    """

    smooth = False
    """|z| has a kink at 0, on which a likelihood often has its maximum."""

    def __init__(
        self,
        p: int = 1,
        o: int = 1,
        q: int = 1,
        *,
        mean: Predictor | None = None,
        presample: float | Sequence[float],
        level: float | None = None,
    ) -> None:
        if min(p, o, q) < 0 or p + o == 0:
            raise SpecificationError(f"an exponential GARCH needs p + o ≥ 1 and q ≥ 0; found p={p}, o={o}, q={q}")
        self.p, self.o, self.q = p, o, q
        self._lags = max(p, o, q)
        self._persistence = Coefficients((), feedback=q)
        own = {"intercept": 1, "alpha": p, "gamma": o}
        shared = {name: size for name, size in self._persistence.parts.items() if name != "log_intercept"}
        super().__init__(mean, presample, level, {name: size for name, size in {**own, **shared}.items() if size})

    def _start(self, persistence: float = 0.97, feedback: float = 0.9) -> Tensor:
        shared = self._persistence.start(1.0, persistence)[1:]
        beta = self._beta(shared)[0]
        alpha, gamma = torch.full((self.p,), 1.5 * (1 - feedback) / max(self.p, 1)), torch.zeros(self.o)
        intercept = (1 - beta.sum(-1, keepdim=True)) * math.log(self.level)
        return torch.cat((intercept, alpha.double(), gamma.double(), shared))

    def _beta(self, shared: Tensor) -> tuple[Tensor, Tensor]:
        """β (…, q) with its derivatives (…, q, q)."""
        padded = torch.nn.functional.pad(shared, (1, 0))
        values, jacobian = self._persistence.values_and_jacobian(padded)
        return values[..., 1:], jacobian[..., 1:, 1:]

    def _coefficients(self, theta: Tensor) -> tuple[Tensor, ...]:
        """ω (…, 1), α, γ, β, ∂β/∂θ."""
        intercept, alpha, gamma, shared = theta.split((1, self.p, self.o, self.q), -1)
        return intercept, alpha, gamma, *self._beta(shared)

    def _log_scale(self, theta: Tensor, error: Tensor, x: Tensor) -> tuple[Tensor, _Tape]:
        intercept, alpha, gamma, beta, jacobian = self._coefficients(theta)
        runs = torch.broadcast_shapes(error.shape[:-1], theta.shape[:-1])
        found = error.new_empty(*runs, 2, error.shape[-1])
        rows = (error, intercept[..., 0], alpha, gamma, beta, self._before[..., 0].log().to(error))
        events = (1, 0, 1, 1, 1, 0)
        spread = [_flat(row, runs, event) for row, event in zip(rows, events, strict=True)]
        recursion = compiled(log_variance)
        for e, w, a, g, b, before, out in zip(*spread, _flat(found, runs, 2), strict=True):
            recursion(e, float(w), a, g, b, float(before), _MEAN_SIZE, out)
        shocks, level = found[..., 0, :], found[..., 1, :]
        reach = self._padded(alpha).unsqueeze(-1) * shocks.sign().unsqueeze(-2) + self._padded(gamma).unsqueeze(-1)
        feedback = self._padded(beta).unsqueeze(-1) - 0.5 * reach * shocks.unsqueeze(-2)
        return 0.5 * level, _Tape(shocks, level, reach, feedback, jacobian)

    def _padded(self, values: Tensor) -> Tensor:
        """The coefficients of all lags, 0 where there are none."""
        return torch.nn.functional.pad(values, (0, self._lags - values.shape[-1]))

    def _pull(self, tape: _Tape, u: Tensor, out: Tensor) -> Tensor:
        back = (0.5 * u).contiguous().clone()
        filtering = compiled(adjoint_varying_filter)
        for row, feedback in zip(_flat(back, u.shape[:-1], 1), _flat(tape.feedback, u.shape[:-1], 2), strict=True):
            filtering(row, feedback)
        slopes = torch.matmul(self._known(tape), back.unsqueeze(-1)).squeeze(-1)
        free, shared = slopes.split((1 + self.p + self.o, self.q), -1)
        out.copy_(torch.cat((free, torch.matmul(shared.unsqueeze(-2), tape.jacobian).squeeze(-2)), -1))
        told = torch.zeros_like(back)
        for i in range(self._lags):
            told[..., : -1 - i] += tape.reach[..., i, : -1 - i] * back[..., 1 + i :]
        return told * torch.exp(-0.5 * tape.log_variance)

    def _push(self, tape: _Tape, theta: Tensor, error: Tensor) -> Tensor:
        free, shared = theta.split((1 + self.p + self.o, self.q), -1)
        change = torch.cat((free, torch.matmul(tape.jacobian, shared.unsqueeze(-1)).squeeze(-1)), -1)
        u = torch.matmul(change.unsqueeze(-2), self._known(tape)).squeeze(-2) + self._of_error(tape, error)
        return self._filtered(tape, u.unsqueeze(-2)).squeeze(-2)

    def _slopes(self, tape: _Tape, errors: Sequence[Tensor]) -> Tensor:
        free, shared = self._known(tape).split((1 + self.p + self.o, self.q), -2)
        of_theta = torch.cat((free, torch.matmul(tape.jacobian.mT, shared)), -2)
        of_errors = [self._of_error(tape, error) for error in errors]
        return self._filtered(tape, torch.cat((torch.stack(of_errors, -2), of_theta), -2) if errors else of_theta)

    def _filtered(self, tape: _Tape, u: Tensor) -> Tensor:
        """How ½ ℓ changes, (…, m, n), where its recursion is moved by each of u."""
        moved, filtering = (0.5 * u).contiguous(), compiled(varying_filter)
        runs = moved.shape[:-2]
        for rows, feedback in zip(_flat(moved, runs, 2), _flat(tape.feedback, runs, 2), strict=True):
            filtering(rows, feedback)
        return moved

    def _known(self, tape: _Tape) -> Tensor:
        """What ω, α, γ and β stand before in ℓ: (…, 1 + p + o + q, n)."""
        size = tape.shocks.abs() - _MEAN_SIZE
        sizes = [lagged_mean(size, i + 1, 1, 0.0) for i in range(self.p)]
        signed = [lagged_mean(tape.shocks, i + 1, 1, 0.0) for i in range(self.o)]
        before = [lagged_mean(tape.log_variance, j + 1, 1, self._before.log()) for j in range(self.q)]
        return torch.stack([torch.ones_like(tape.shocks), *sizes, *signed, *before], -2)

    def _of_error(self, tape: _Tape, change: Tensor) -> Tensor:
        """How the recursion is moved by a change (…, n) of ε."""
        of_shock = change * torch.exp(-0.5 * tape.log_variance)
        moved = [lagged_mean(tape.reach[..., i, :] * of_shock, i + 1, 1, 0.0) for i in range(self._lags)]
        total: Tensor = torch.stack(moved).sum(0)
        return total

    def _history(self, theta: Tensor, tape: _Tape) -> _History:
        return _History(self, self._coefficients(theta), tape)

    def _natural(self, theta: Tensor) -> Natural:
        intercept, alpha, gamma, beta, jacobian = self._coefficients(theta)
        sizes = {"alpha": self.p, "gamma": self.o, "beta": self.q}
        names = [f"{name}[{i + 1}]" for name, size in sizes.items() for i in range(size)]
        free = torch.eye(1 + self.p + self.o, dtype=theta.dtype, device=theta.device)
        zero = [f"beta[{j + 1}]" for j, b in enumerate(beta.tolist()) if b < AT_BOUND]
        whole = ["persistence"] if self.q and 1 - float(beta.sum()) < AT_BOUND else []
        values = torch.cat((intercept, alpha, gamma, beta))
        return Natural(("omega", *names), values, torch.block_diag(free, jacobian), (*zero, *whole))

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        return {"kind": "exponential_garch", "p": self.p, "o": self.o, "q": self.q, **self._base_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any], mean: Predictor) -> Self:
        """Inverse of `to_json`; the mean is made from its own."""
        return cls(
            values["p"], values["o"], values["q"], mean=mean, presample=values["presample"], level=values["level"]
        )


class _History:
    """See `History`."""

    def __init__(self, predictor: ExponentialGarch, coefficients: tuple[Tensor, ...], tape: _Tape) -> None:
        self._intercept, self._alpha, self._gamma, self._beta, _ = coefficients
        lags, before = predictor._lags, predictor.presample.to(tape.shocks).log()
        self._sizes = [torch.zeros_like(before)] * lags + list((tape.shocks[-lags:].abs() - _MEAN_SIZE).unbind())
        self._shocks = [torch.zeros_like(before)] * lags + list(tape.shocks[-lags:].unbind())
        self._levels = [before] * lags + list(tape.log_variance[-lags:].unbind())

    def log_scale(self) -> Tensor:
        """Return ½ ℓ of the next day, which then has been as far as feedback goes."""
        total = self._intercept[0]
        rows = ((self._alpha, self._sizes), (self._gamma, self._shocks), (self._beta, self._levels))
        for coefficients, days in rows:
            for i, c in enumerate(coefficients.unbind()):
                total = total + c * days[-1 - i]
        self._levels.append(total)
        return 0.5 * total

    def append(self, error: Tensor) -> None:
        """Add the day's shock."""
        shock = error * torch.exp(-0.5 * self._levels[-1])
        self._shocks.append(shock)
        self._sizes.append(shock.abs() - _MEAN_SIZE)


def _flat(values: Tensor, runs: Sequence[int], event: int) -> np.ndarray:
    """Each run's values with their ``event`` trailing axes, as one array that shares their memory where it can."""
    own = values.shape[values.ndim - event :]
    return values.expand((*runs, *own)).reshape(math.prod(runs), *own).numpy(force=True)
