"""Variances that follow a linear recursion: GARCH and its relatives, heterogeneous autoregressions, smoothing.

The pass forwards is one linear filter and the pass backwards its adjoint, so that no loop goes over days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.numerics.filters import adjoint_filter, adjoint_lagged_mean, lagged_mean, linear_filter
from likeliest.predictors.base import Natural, Predictor
from likeliest.predictors.volatility.base import ConditionalVolatility
from likeliest.predictors.volatility.coefficients import Coefficients

Shock = Literal["square", "gain", "loss", "measure"]
AT_BOUND = 1e-6
"""A coefficient below this, or a persistence that comes as near to 1, lies on the bound."""


@dataclass(frozen=True, slots=True)
class Term:
    """What adds to a day's variance: the mean of a shock over a window of days before.

    Attributes:
        shock: ``"square"`` ε², ``"gain"`` ε² where ε ≥ 0, ``"loss"`` ε² where ε < 0, ``"measure"`` the column of x
            after the returns.
        lag: how many days ago the window ends, ≥ 1.
        window: its days.
    """

    shock: Shock
    lag: int = 1
    window: int = 1

    @property
    def half(self) -> bool:
        """Whether half of all days have none."""
        return self.shock in ("gain", "loss")

    @property
    def name(self) -> str:
        """What the field calls its coefficient."""
        if self.shock == "measure":
            return f"measure[{self.window}]"
        if self.window > 1:
            return f"window[{self.window}]"
        return f"gamma[{self.lag}]" if self.shock == "loss" else f"alpha[{self.lag}]"


class _Tape(NamedTuple):
    """What the pass backwards needs of the pass forwards."""

    error: Tensor
    """ε, (…, n)."""
    drivers: Tensor
    """d, (…, terms, n)."""
    variance: Tensor
    """h, (…, n)."""
    weights: Tensor
    """c, (…, terms)."""
    feedback: Tensor
    """b, (…, q)."""
    jacobian: Tensor
    """∂(ω, c, b)/∂θ, (…, 1 + terms + q, P)."""


class LinearVariance(ConditionalVolatility):
    """A variance that follows a linear recursion; see `ConditionalVolatility` for the layout of x and η.

        h_t = ω + Σ_k c_k d_k(t) + Σ_j b_j h_{t−j},   log_scale = ½ log h_t

    Pullback: with a the adjoint filter of u/(2h), ∂/∂ω = Σ a, ∂/∂c_k = Σ a d_k, ∂/∂b_j = Σ a_t h_{t−j}, and each ε gets
    2 ε c_k times the a of the days to which its square goes.

    Args:
        terms: the d_k, measures last.
        feedback: q.
        mean: of μ; a constant if None.
        presample: the variance of the days before the first.
        level: the variance that a fit starts from.
        integrated: ω = 0 and coefficients that add up to 1: exponential smoothing.

    Raises:
        SpecificationError: no term and no feedback, a measure before other terms, or a variance that is not positive.

    Source: Engle (1982); Bollerslev (1986); Glosten, Jagannathan and Runkle (1993); Corsi (2009), A simple approximate
    long-memory model of realized volatility. The derivatives: Fiorentini, Calzolari and Panattoni (1996), Analytic
    derivatives and the computation of GARCH estimates.
    """

    def __init__(
        self,
        terms: Sequence[Term],
        feedback: int = 0,
        *,
        mean: Predictor | None = None,
        presample: float | Sequence[float],
        level: float | None = None,
        integrated: bool = False,
    ) -> None:
        self.terms, self.feedback = tuple(terms), feedback
        own = [term for term in self.terms if term.shock != "measure"]
        if tuple(own) != self.terms[: len(own)] or not (self.terms or feedback):
            raise SpecificationError("a variance needs terms or feedback, and measures after all other terms")
        outside = len(self.terms) - len(own)
        self.measures = int(outside > 0)
        self.coefficients = Coefficients(tuple(term.half for term in own), outside, feedback, integrated)
        super().__init__(mean, presample, level, self.coefficients.parts)

    def _start(self, persistence: float = 0.97, feedback: float = 0.9) -> Tensor:
        return self.coefficients.start(self.level, persistence, feedback)

    def _log_scale(self, theta: Tensor, error: Tensor, x: Tensor) -> tuple[Tensor, _Tape]:
        values, jacobian = self.coefficients.values_and_jacobian(theta)
        weights, feedback = values[..., 1 : 1 + len(self.terms)], values[..., 1 + len(self.terms) :]
        drivers = self._drivers(error, x)
        u = values[..., :1] + _combined(weights, drivers)
        for j in range(self.feedback):
            u[..., : j + 1] += feedback[..., j : j + 1] * self._before
        variance = linear_filter(u, feedback)
        return 0.5 * variance.log(), _Tape(error, drivers, variance, weights, feedback, jacobian)

    def _drivers(self, error: Tensor, x: Tensor) -> Tensor:
        """d, (…, terms, n)."""
        square = error.square()
        drivers = []
        for term in self.terms:
            shock = x[..., 1] if term.shock == "measure" else _masked(square, error, term.shock)
            before = self._before * 0.5 if term.half else self._before
            drivers.append(lagged_mean(shock, term.lag, term.window, before))
        return torch.stack(torch.broadcast_tensors(*drivers), -2) if drivers else error.new_empty(0, error.shape[-1])

    def _pull(self, tape: _Tape, u: Tensor, out: Tensor) -> Tensor:
        back = adjoint_filter(u / (2 * tape.variance), tape.feedback)
        slopes = torch.matmul(self._known(tape), back.unsqueeze(-1)).squeeze(-1)
        out.copy_(torch.matmul(slopes.unsqueeze(-2), tape.jacobian).squeeze(-2))
        total = torch.zeros_like(back)
        for c, term in zip(tape.weights.unbind(-1), self.terms, strict=True):
            if term.shock != "measure":
                reached = c.unsqueeze(-1) * adjoint_lagged_mean(back, term.lag, term.window)
                total += _masked(reached, tape.error, term.shock)
        return total.mul_(tape.error).mul_(2)

    def _push(self, tape: _Tape, theta: Tensor, error: Tensor) -> Tensor:
        change = torch.matmul(tape.jacobian, theta.unsqueeze(-1)).squeeze(-1)
        u = _combined(change, self._known(tape)) + self._of_error(tape, error)
        return linear_filter(u, tape.feedback) / (2 * tape.variance)

    def _slopes(self, tape: _Tape, errors: Sequence[Tensor]) -> Tensor:
        of_errors = [self._of_error(tape, error) for error in errors]
        of_theta = torch.matmul(tape.jacobian.mT, self._known(tape))
        u = torch.cat((torch.stack(of_errors, -2), of_theta), -2) if errors else of_theta
        return linear_filter(u, tape.feedback) / (2 * tape.variance).unsqueeze(-2)

    def _known(self, tape: _Tape) -> Tensor:
        """What ω, c and b stand before in h: (…, 1 + terms + q, n)."""
        before = [lagged_mean(tape.variance, j + 1, 1, self._before) for j in range(self.feedback)]
        known = [torch.ones_like(tape.variance), *tape.drivers.unbind(-2), *before]
        return torch.stack(torch.broadcast_tensors(*known), -2)

    def _of_error(self, tape: _Tape, change: Tensor) -> Tensor:
        """How Σ c d changes with ε, (…, n)."""
        of_square = 2 * tape.error * change
        total = torch.zeros_like(of_square)
        for c, term in zip(tape.weights.unbind(-1), self.terms, strict=True):
            if term.shock != "measure":
                shock = _masked(of_square, tape.error, term.shock)
                total = total + c.unsqueeze(-1) * lagged_mean(shock, term.lag, term.window, 0.0)
        return total

    def _history(self, theta: Tensor, tape: _Tape) -> _History:
        return _History(self, self.coefficients.values_and_jacobian(theta)[0], tape)

    def _natural(self, theta: Tensor) -> Natural:
        """ω, α and γ of each lag (losses count α + γ, gains α), the weights of windows, β."""
        values, jacobian = self.coefficients.values_and_jacobian(theta)
        names = ["omega", *(term.name for term in self.terms), *(f"beta[{j + 1}]" for j in range(self.feedback))]
        told = torch.eye(len(names), dtype=theta.dtype, device=theta.device)
        gains = {term.lag: k for k, term in enumerate(self.terms) if term.shock == "gain"}
        for k, term in enumerate(self.terms):
            if term.shock == "loss" and term.lag in gains:
                told[1 + k, 1 + gains[term.lag]] = -1.0
        free = slice(1 if self.coefficients.integrated else 0, None)
        found = Natural(tuple(names[free]), (told @ values)[free], (told @ jacobian)[free])
        return found._replace(at_bound=self._at_bound(names, values))

    def _at_bound(self, names: Sequence[str], values: Tensor) -> tuple[str, ...]:
        """Coefficients that are 0 in all but name, and a persistence that is 1."""
        zero = [name for name, value in zip(names[1:], values[1:].tolist(), strict=True) if value < AT_BOUND]
        whole = [] if self.coefficients.integrated or not self.coefficients.shared else ["persistence"]
        return (*zero, *(whole if 1 - self.coefficients.persistence(values) < AT_BOUND else []))

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        return {
            "kind": "linear_variance",
            "terms": [asdict(term) for term in self.terms],
            "feedback": self.feedback,
            "integrated": self.coefficients.integrated,
            **self._base_json(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any], mean: Predictor) -> Self:
        """Inverse of `to_json`; the mean is made from its own."""
        settings = {name: values[name] for name in ("feedback", "presample", "level", "integrated")}
        return cls([Term(**term) for term in values["terms"]], mean=mean, **settings)


class _History:
    """See `History`."""

    def __init__(self, predictor: LinearVariance, values: Tensor, tape: _Tape) -> None:
        self._terms, self._values = predictor.terms, values
        days = max([term.lag + term.window - 1 for term in predictor.terms], default=0)
        before = predictor.presample.to(values)
        self._shocks = [
            [before * 0.5 if term.half else before] * days
            + list(_masked(tape.error.square(), tape.error, term.shock)[-days:].unbind())
            for term in predictor.terms
        ]
        self._variances = [before] * predictor.feedback + list(tape.variance[-max(predictor.feedback, 1) :].unbind())

    def log_scale(self) -> Tensor:
        """Return ½ log h of the next day, which then has been as far as feedback goes."""
        total = self._values[0]
        for c, term, shocks in zip(self._values[1:].unbind(), self._terms, self._shocks, strict=False):
            window = shocks[len(shocks) - term.lag - term.window + 1 : len(shocks) - term.lag + 1]
            total = total + c * torch.stack(torch.broadcast_tensors(*window)).mean(0)
        for j, b in enumerate(self._values[1 + len(self._terms) :].unbind()):
            total = total + b * self._variances[-1 - j]
        self._variances.append(total)
        return 0.5 * total.log()

    def append(self, error: Tensor) -> None:
        """Add the day's shocks."""
        for term, shocks in zip(self._terms, self._shocks, strict=True):
            shocks.append(_masked(error.square(), error, term.shock))


def _masked(values: Tensor, error: Tensor, shock: Shock) -> Tensor:
    """The values on the days that a shock counts, 0 on others."""
    if shock == "gain":
        return values * (error >= 0)
    return values * (error < 0) if shock == "loss" else values


def _combined(weights: Tensor, rows: Tensor) -> Tensor:
    """Σ_k w_k rows_k, (…, n)."""
    return torch.matmul(weights.unsqueeze(-2), rows).squeeze(-2)
