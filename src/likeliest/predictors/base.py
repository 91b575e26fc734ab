"""What every predictor shares: a layout of named parts on one flat θ, and views of it that are made once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError, ShapeError
from likeliest.interfaces import Draw, Eta, Part

_KEPT = 8
_Made = TypeVar("_Made")


class Kept(Generic[_Made]):
    """Views of a tensor, made once.

    θ and the gradient buffer stay the same tensors through a fit, so their views are kept too: making them at every
    step nearly doubles the cost of a small net. The tensor is kept beside them, so that no other takes its id.
    """

    def __init__(self, make: Callable[[Tensor], _Made]) -> None:
        self._make = make
        self._kept: dict[int, tuple[Tensor, _Made]] = {}

    def of(self, flat: Tensor) -> _Made:
        """What was made from this very tensor, or is made now."""
        found = self._kept.get(id(flat))
        if found is not None:
            return found[1]
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        made = self._make(flat)
        self._kept[id(flat)] = flat, made
        return made


class Natural(NamedTuple):
    """θ as its field writes it.

    Attributes:
        names: of each value.
        values: (Q,).
        jacobian: their derivatives by θ, (Q, P).
        at_bound: names of those that lie on the edge of what they can be, where θ goes to ±∞.
    """

    names: tuple[str, ...]
    values: Tensor
    jacobian: Tensor
    at_bound: tuple[str, ...] = ()


class Predictor(ABC):
    """A function η = f(x; θ) on one flat θ (P,), or (R, P) for R independent runs in lockstep.

    A subclass calls ``_lay_out`` once with its parts and gives ``forward``, ``pullback`` and ``pushforward``. The tape
    that ``forward`` returns is its own affair; whoever holds it hands it back unread.
    """

    linear: bool = False
    """Whether η is linear in θ, so that the Hessian is exactly Jᵀ O J, O the family's observed information."""
    smooth: bool = True
    """Whether η has a derivative by θ everywhere that a fit may end."""
    unit: Literal["row", "series"] = "row"
    """What a block of data must not cut."""
    inputs: int | None = None
    """Length of a row of x, where it is fixed."""
    outputs: int = 1
    """Number of columns of η."""
    parts: Mapping[str, Part]
    size: int

    def _lay_out(
        self,
        parts: Mapping[str, tuple[tuple[int, ...], bool] | tuple[tuple[int, ...], bool, bool]],
        state: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """Place parts, name → (shape, penalised) or (shape, penalised, learnt), on θ; then what is not learnt."""
        described = {**parts, **{name: (shape, False, False) for name, shape in (state or {}).items()}}
        placed: dict[str, Part] = {}
        at = 0
        for name, what in described.items():
            placed[name] = Part(at, *what)
            at += placed[name].size
        self.parts, self.size = placed, at
        self._views = Kept(lambda flat: [flat[..., p.slice].unflatten(-1, p.shape) for p in placed.values()])

    def views(self, flat: Tensor) -> list[Tensor]:
        """One view (…, *shape) per part of a flat (…, P) tensor, in the order of ``parts``."""
        return self._views.of(flat)

    def init(self, streams: Sequence[np.random.Generator], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw initial parameters, one stream per run, so that run i never depends on how many there are.

        Returns:
            θ of shape (R, P).
        """
        return torch.stack([self._init_one(s).to(dtype) for s in streams])

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        """θ (P,) in double precision for one run; zero unless a predictor has reason for something else."""
        return torch.zeros(self.size, dtype=torch.float64)

    def check_inputs(self, x: Tensor) -> None:
        """Raise `ShapeError` unless the rows of x are as long as this predictor wants them."""
        if self.inputs is not None and x.shape[-1] != self.inputs:
            name = type(self).__name__
            raise ShapeError(f"{name} takes rows of {self.inputs} inputs, found x of shape {tuple(x.shape)}")

    @abstractmethod
    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Eta, Any]:
        """Evaluate η at θ for the rows of x (n, …); return it with the tape that the other methods need.

        ``draw`` names the randomness of a training batch; with None the predictor evaluates.
        """

    @abstractmethod
    def pullback(self, theta: Tensor, tape: Any, u: Any, out: Tensor) -> None:
        """Write Jᵀu, summed over rows, to ``out`` (…, P); u is shaped like η and may be overwritten."""

    @abstractmethod
    def pushforward(self, theta: Tensor, tape: Any, v: Tensor) -> Eta:
        """Return Jv, shaped like η, for a direction v (…, P)."""

    def probe(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield (a layer's name, its output) in the order of the forward pass, and ("eta", η (…, n, K)) last."""
        eta = self.forward(theta, x, draw)[0]
        yield "eta", torch.stack(torch.broadcast_tensors(*eta), -1) if isinstance(eta, tuple) else eta

    def probe_back(
        self, theta: Tensor, x: Tensor, u: Any, draw: Draw | None = None
    ) -> Iterator[tuple[str, Tensor, bool]]:
        """Go backwards with u, shaped like η: yield (a layer's name, a derivative, whether its first axis is rows).

        The layer is the one whose backward pass made the derivative; they come in the order of that pass. θ and u stay
        as they are.
        """
        theta, out = theta.clone(), torch.zeros_like(theta)
        tape = self.forward(theta, x, draw)[1]
        self.pullback(theta, tape, tuple(c.clone() for c in u) if isinstance(u, tuple) else u.clone(), out)
        for layer in reversed(self.layer_names):
            for name, part in self.parts.items():
                if name.rpartition(".")[0] == layer:
                    yield layer, out[..., part.slice], False

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of what has parts, in the order of the forward pass."""
        return tuple(dict.fromkeys(name.rpartition(".")[0] for name in self.parts))

    @property
    def flops(self) -> int:
        """Twice the multiply-adds of the forward pass of one row; unless known better, one for each weight."""
        return 2 * sum(part.size for part in self.parts.values() if part.penalised)

    def jacobian(self, theta: Tensor, tape: Any) -> list[tuple[Tensor, Tensor]]:
        """For each column of η, its derivatives as (matrix (…, n, q), index (q,) into θ); what is left out is zero.

        A column that is the same in every row has a matrix (…, 1, q), which broadcasts over rows.

        Unless a predictor knows better, the identity is pushed forward, one parameter at a time.
        """
        eye = torch.eye(self.size, dtype=theta.dtype, device=theta.device)
        pushed = [columns_of(self.pushforward(theta, tape, e.expand_as(theta))) for e in eye]
        index = torch.arange(self.size, device=theta.device)
        return [(torch.stack([p[k] for p in pushed], -1), index) for k in range(self.outputs)]

    @property
    def jacobian_widths(self) -> tuple[int, ...]:
        """For each column of η, the number of parameters that it depends on."""
        return (self.size,) * self.outputs

    def natural(self, theta: Tensor) -> Natural:
        """Return θ (P,) as its field writes it; unless a predictor knows better, as it is, by parts and places."""
        names = tuple(
            f"{name}[{','.join(map(str, place))}]" if part.size > 1 else name
            for name, part in self.parts.items()
            for place in np.ndindex(*part.shape)
        )
        return Natural(names, theta, torch.eye(self.size, dtype=theta.dtype, device=theta.device))

    def gauge(self) -> Tensor | None:
        """Orthonormal basis (P, q) of the directions of θ that shift all columns of η alike in every row, if known."""
        return None

    def reexpress(self, theta: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """Return the θ that gives on x the η that this θ gives on (x − centre) / scale, where there is one.

        Raises:
            NotOnOfferError: the predictor does not keep its form under a shift and scale of x.
        """
        raise NotOnOfferError(f"{type(self).__name__} cannot be fitted on implicitly standardised inputs")

    def affine_output(self, theta: Tensor, scale: float, shift: float) -> Tensor:
        """Return the θ whose η is scale · η + shift.

        Raises:
            NotOnOfferError: the predictor's output is not affine in its last parameters, or it has no intercept.
        """
        raise NotOnOfferError(f"{type(self).__name__} cannot absorb a scale and shift of η")

    @property
    def has_intercepts(self) -> bool:
        """Whether a shift of x can be absorbed by θ."""
        return False

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values from which ``predictors.from_json`` builds the same predictor."""


def columns_of(eta: Eta) -> tuple[Tensor, ...]:
    """The columns of η, each (…, n) or (…, 1)."""
    return eta if isinstance(eta, tuple) else eta.unbind(-1)
