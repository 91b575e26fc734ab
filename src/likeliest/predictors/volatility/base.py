"""What predictors of volatility share: a mean, what it leaves of the series, and a unit that nothing cuts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.base import Natural, Predictor, columns_of
from likeliest.predictors.constant import Constant


class _Tape(NamedTuple):
    mean: Any
    volatility: Any


class History(Protocol):
    """The latest days of a series, or of many paths that go on from it: each (m,), or () where all share it."""

    def log_scale(self) -> Tensor:
        """Return s of the next day."""
        ...

    def append(self, error: Tensor) -> None:
        """Let that day have been, with this ε."""
        ...


class ConditionalVolatility(Predictor):
    """Mean and log standard deviation of a series' next value, given those before: two columns (mean, log_scale).

        r_t = μ_t + ε_t,   log_scale_t = s(ε_1, …, ε_{t−1})

    A row of x is (r_t, [the measure of day t,] what the mean knows of day t). What η says of a day uses r and measure
    of the days before alone; so the series may be its own x. All of it is one unit, which no block cuts. With x
    (R, n, …) each run has a series of its own.

    A subclass has ``volatility_parts`` and gives s, its pullback and its pushforward as functions of ε.

    Args:
        mean: of μ, on the columns of x that are its own; a constant if None.
        presample: the variance of the days before the first, in squared units of r: a datum, and no function of θ.
            One number, or one for each run.
        level: the variance that a fit starts from; ``presample`` if None.
    """

    unit = "series"
    outputs = 2
    measures = 0
    """Columns of x between the returns and those of the mean."""

    def __init__(
        self,
        mean: Predictor | None,
        presample: float | Sequence[float],
        level: float | None,
        volatility_parts: Mapping[str, int],
    ) -> None:
        self.mean = Constant() if mean is None else mean
        self._before = torch.as_tensor(presample, dtype=torch.float64).unsqueeze(-1)
        self.level = float(self._before.mean()) if level is None else level
        if not (bool((self._before > 0).all()) and self.level > 0):
            raise SpecificationError(f"a variance is above 0; found presample {presample} and level {level}")
        described = {f"mean.{name}": (p.shape, p.penalised, p.learnt) for name, p in self.mean.parts.items()}
        self._lay_out(described | {name: ((size,), False) for name, size in volatility_parts.items()})

    @property
    def presample(self) -> Tensor:
        """The variance of the days before the first, () or (R,)."""
        return self._before.squeeze(-1)

    @abstractmethod
    def _start(self, persistence: float = 0.97, feedback: float = 0.9) -> Tensor:
        """Where the volatility's parameters start, in double precision: of this persistence, and feedback's share."""

    def starts(self, theta: Tensor) -> Tensor:
        """Return θ (P,) with other volatilities in its place, (S, P): likelihoods of volatility have several maxima."""
        moved = [
            torch.cat((self.split(theta)[0], self._start(persistence, feedback).to(theta)))
            for persistence in (0.5, 0.9, 0.97, 0.995)
            for feedback in (0.5, 0.8, 0.9, 0.97)
        ]
        return torch.stack(moved)

    @abstractmethod
    def _log_scale(self, theta: Tensor, error: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        """Return s (…, n) at ε (…, n), with the tape of the other methods; θ is the volatility's own."""

    @abstractmethod
    def _pull(self, tape: Any, u: Tensor, out: Tensor) -> Tensor:
        """Write ∂/∂θ of Σ u s to ``out``; return ∂/∂ε, (…, n)."""

    @abstractmethod
    def _push(self, tape: Any, theta: Tensor, error: Tensor) -> Tensor:
        """Return how s changes, (…, n), with changes of θ and ε."""

    @abstractmethod
    def _slopes(self, tape: Any, errors: Sequence[Tensor]) -> Tensor:
        """Return how s changes with each of several changes of ε and with each of θ, (…, changes + parameters, n)."""

    @abstractmethod
    def _history(self, theta: Tensor, tape: Any) -> History:
        """What days to come need to know of those of a tape."""

    @abstractmethod
    def _natural(self, theta: Tensor) -> Natural:
        """The volatility's parameters as its field writes them."""

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        return torch.cat((self.mean._init_one(stream), self._start()))

    def check_inputs(self, x: Tensor) -> None:
        """Raise `ShapeError` unless x has a column of returns, one of measures if wanted, and the mean's."""
        own = 1 + self.measures
        if x.ndim not in (2, 3) or x.shape[-1] < own:
            raise ShapeError(
                f"{type(self).__name__} takes rows of {own} columns or more, the returns first, as (n, columns) or "
                f"(runs, n, columns); found x of shape {tuple(x.shape)}"
            )
        self.mean.check_inputs(x[..., own:])

    def split(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """The mean's slice of a flat (…, P) tensor, and the volatility's."""
        return flat[..., : self.mean.size], flat[..., self.mean.size :]

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Tensor, _Tape]:
        """Return η (…, n, 2), whose columns lie one after the other: what reads them goes through days in order."""
        of_mean, of_volatility = self.split(theta)
        location, tape = self.mean.forward(of_mean, x[..., 1 + self.measures :], draw)
        mean = columns_of(location)[0]
        log_scale, own = self._log_scale(of_volatility, x[..., 0] - mean, x)
        return torch.stack((mean.expand_as(log_scale), log_scale), -2).mT, _Tape(tape, own)

    def pullback(self, theta: Tensor, tape: _Tape, u: Any, out: Tensor) -> None:
        """Write Jᵀu: what ε is told goes on to the mean, with the other sign."""
        of_mean, of_volatility = self.split(out)
        of_error = self._pull(tape.volatility, u[..., 1], of_volatility)
        self.mean.pullback(self.split(theta)[0], tape.mean, (u[..., 0] - of_error).unsqueeze(-1), of_mean)

    def pushforward(self, theta: Tensor, tape: _Tape, v: Tensor) -> Tensor:
        """Return Jv."""
        of_mean, of_volatility = self.split(v)
        pushed = columns_of(self.mean.pushforward(self.split(theta)[0], tape.mean, of_mean))[0]
        moved = self._push(tape.volatility, of_volatility, -pushed)
        return torch.stack((pushed.expand_as(moved), moved), -1)

    def jacobian(self, theta: Tensor, tape: _Tape) -> list[tuple[Tensor, Tensor]]:
        """The mean's own matrix, and that of all parameters for the log standard deviation."""
        (of_mean, index), *_ = self.mean.jacobian(self.split(theta)[0], tape.mean)
        of_scale = self._slopes(tape.volatility, [-column for column in of_mean.unbind(-1)]).mT
        places = torch.arange(self.mean.size, self.size, device=theta.device)
        return [(of_mean, index), (of_scale, torch.cat((index, places)))]

    @property
    def jacobian_widths(self) -> tuple[int, ...]:
        """The mean's, and all."""
        width = self.mean.jacobian_widths[0]
        return width, width + self.size - self.mean.size

    def simulate(self, theta: Tensor, x: Tensor, noise: Tensor) -> Tensor:
        """Return paths of the days that follow x, (m, h): r = μ + σ ε, each σ made by the shocks of its own path.

        Args:
            theta: (P,).
            x: (n, columns), the days so far.
            noise: ε (m, h), independent, as the family has them at mean 0 and log_scale 0.

        Raises:
            NotOnOfferError: what the mean or the variance knows of those days is not known yet.
        """
        if h_needs := [what for what, wanted in (("mean", self.mean.inputs), ("measure", self.measures)) if wanted]:
            raise NotOnOfferError(f"the {h_needs[0]} needs columns of days that have not come; one day ahead is known")
        of_mean, of_volatility = self.split(theta)
        mean = columns_of(self.mean.forward(of_mean, x[:, 1:])[0])[0][-1]
        history = self._history(of_volatility, self._log_scale(of_volatility, x[:, 0] - mean, x)[1])
        paths = torch.empty_like(noise)
        for day in range(noise.shape[-1]):
            error = noise[:, day] * history.log_scale().exp()
            history.append(error)
            paths[:, day] = mean + error
        return paths

    def natural(self, theta: Tensor) -> Natural:
        """The mean's own, and the volatility's as its field writes them."""
        of_mean, of_volatility = self.split(theta)
        mean, own = self.mean.natural(of_mean), self._natural(of_volatility)
        lead = ["mean" if self.mean.size == 1 else f"mean.{name}" for name in mean.names]
        jacobian = torch.block_diag(mean.jacobian, own.jacobian)
        return Natural((*lead, *own.names), torch.cat((mean.values, own.values)), jacobian, own.at_bound)

    def _base_json(self) -> dict[str, Any]:
        """What every volatility writes down of itself."""
        return {"mean": self.mean.to_json(), "presample": self.presample.tolist(), "level": self.level}
