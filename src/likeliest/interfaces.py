"""The seams of the package: what a family, a predictor, a rule and an encoder promise each other.

Shapes use one alphabet everywhere. ``R`` independent runs, ``n`` rows, ``K`` columns of η, ``P`` parameters, ``p``
inputs. A leading ``…`` is nothing, or ``R``.

η is a tensor (…, n, K) where the family has one column or unnamed ones, and a tuple of tensors (…, n) or (…, 1), which
broadcast, where it has several named ones: a constant column then costs one special function and not n.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from torch import Tensor

Eta: TypeAlias = Tensor | tuple[Tensor, ...]
Signal: TypeAlias = Callable[[Eta, Tensor], Eta]
"""A function (η, y) → a fresh tensor shaped like η, which is weighed in place and pulled back through the predictor."""


class Need(enum.StrEnum):
    """What a rule asks of an objective, and what an objective has on offer."""

    VALUE = "value"
    GRAD = "grad"
    PULLBACK = "pullback"
    DECISION = "decision"
    FISHER = "fisher"
    HESSIAN = "hessian"
    PROX = "prox"


class Part(NamedTuple):
    """A named slice of θ: a layer's weight, an intercept. Penalties act on the penalised ones alone.

    A part that is not ``learnt`` is no target of gradients: the running averages of a batch norm, say. Its gradient is
    exactly 0, so that no rule moves it, and ``forward`` brings it up to date, in place, under a `Draw`. Standing on θ
    it goes wherever θ goes: to the best point, to averages, checkpoints and model files.
    """

    start: int
    shape: tuple[int, ...]
    penalised: bool
    learnt: bool = True

    @property
    def size(self) -> int:
        """Number of parameters in the part."""
        return math.prod(self.shape)

    @property
    def slice(self) -> slice:
        """Where the part lies in the last axis of θ."""
        return slice(self.start, self.start + self.size)


@dataclass(frozen=True, slots=True)
class Draw:
    """Names the randomness of one training batch: what it draws depends on these and on nothing drawn before.

    ``rows`` (n,) are the indices of the objective's rows. Dropout, batch statistics and augmentation act under a draw
    alone; evaluation and full batches have none and pass ``None``.
    """

    seed: int
    epoch: int
    rows: Tensor


class Transform(Protocol):
    """What happens to the rows of a training batch before they reach the predictor: augmentation, mixing, smoothing."""

    def __call__(self, x: Tensor, y: Tensor, weight: Tensor | None, draw: Draw) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return x, y and weight of the batch as they are to be learnt from; what was given is never written to."""
        ...


class Family(Protocol):
    """A probability function p(y | η): per example, never reduced, constants kept; it knows no x and no θ.

    ``gauge`` is ``"shift"`` where one number added to all columns of η changes nothing; ``outputs`` is K, where known.
    A `Signal` such as the score comes fresh, for the caller to overwrite. `likeliest.families.Family` says the rest.
    """

    name: str
    columns: tuple[str, ...] | None
    event_dims: int
    gauge: Literal["shift"] | None

    @property
    def link(self) -> str: ...
    def check_support(self, y: Tensor, outputs: int | None = None) -> None: ...
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor: ...
    def score(self, eta: Eta, y: Tensor) -> Eta: ...
    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]: ...
    def mean(self, eta: Eta) -> Tensor: ...
    def fisher_times(self, eta: Eta, v: Eta) -> Eta: ...
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Eta: ...
    def fisher(self, eta: Eta) -> Tensor: ...
    def observed(self, eta: Eta, y: Tensor) -> Tensor: ...
    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor: ...
    def recession_cone(self, y: Tensor, outputs: int | None = None) -> Tensor | None: ...
    def deviance(self, eta: Eta, y: Tensor) -> Tensor: ...
    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor: ...
    def linear_error(self, eta: Eta, y: Tensor) -> Eta: ...
    def decision_error(self, eta: Eta, y: Tensor) -> Eta: ...


class Predictor(Protocol):
    """A function η = f(x; θ) that can be pulled back (Jᵀu) and pushed forward (Jv)."""

    parts: Mapping[str, Part]
    size: int
    outputs: int
    linear: bool
    smooth: bool
    unit: Literal["row", "series"]

    def init(self, streams: Sequence[np.random.Generator], dtype: Any = ...) -> Tensor: ...
    def forward(self, theta: Tensor, x: Any, draw: Draw | None = None) -> tuple[Eta, Any]: ...
    def pullback(self, theta: Tensor, tape: Any, u: Eta, out: Tensor) -> None: ...
    def pushforward(self, theta: Tensor, tape: Any, v: Tensor) -> Eta: ...
    def jacobian(self, theta: Tensor, tape: Any) -> list[tuple[Tensor, Tensor]]: ...


@runtime_checkable
class Local(Protocol):
    """A lazy view of the objective at one θ on one batch; asks for nothing that nobody reads."""

    theta: Tensor

    @property
    def family(self) -> Family: ...
    @property
    def value(self) -> Tensor: ...
    @property
    def grad(self) -> Tensor: ...
    @property
    def gauge(self) -> Tensor | None: ...
    def pullback(self, signal: Signal) -> Tensor: ...
    def fisher(self, v: Tensor) -> Tensor: ...
    def hessian(self, v: Tensor) -> Tensor: ...
    def fisher_matrix(self) -> Tensor: ...
    def hessian_matrix(self) -> Tensor: ...
    def moved(self, theta: Tensor) -> Local: ...
    def sampled(self, m: int, seed: int = 0) -> Local: ...


@dataclass(slots=True)
class State:
    """What a rule carries from one step to the next. The driver counts ``step`` and knows ``steps`` if there is an end.

    ``outcome`` is how a rule reports that it could not move ("line search failed"): a value, never an exception.
    ``evidence`` holds numbers that a verdict may quote, such as the Newton decrement. ``arrived`` is the view at θ′ if
    a line search has already made it, so that nothing is evaluated twice. ``rate`` is the learning rate of this step as
    a number on θ's device, where the driver keeps it there.
    """

    step: int = 0
    steps: int | None = None
    outcome: str | None = None
    arrived: Local | None = None
    rate: Tensor | None = None
    evidence: dict[str, float] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)


class VerdictKind(enum.StrEnum):
    """Why a fit ended."""

    CONVERGED = "converged"
    SEPARATED = "separated"
    ALIASED = "aliased"
    BOUNDARY = "boundary"
    NOT_IDENTIFIED = "not_identified"
    PLATEAU = "plateau"
    DIVERGED = "diverged"
    NON_FINITE = "non_finite"
    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a fit ended, with the numbers that prove it and, where something is wrong, the remedy."""

    kind: VerdictKind
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the fit ended where it was meant to: at an optimum, a held-out plateau, or a callback's word."""
        return self.kind in (VerdictKind.CONVERGED, VerdictKind.PLATEAU, VerdictKind.STOPPED)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for reports and model files."""
        return {"kind": str(self.kind), "message": self.message, "evidence": dict(self.evidence)}

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class Record(NamedTuple):
    """What the driver measured once. NLLs are per unit of weight, one value a run; work is in passes over the data."""

    step: int
    work: float
    seconds: float
    value: np.ndarray
    validation: np.ndarray | None
    grad_norm: np.ndarray | None


@dataclass(slots=True)
class Trace:
    """The records of one fit, in order. Rules never measure themselves; the driver does, outside the clock."""

    records: list[Record] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def column(self, name: str) -> np.ndarray:
        """One field of all records, as (records,) or (records, R); fields that were not measured are left out."""
        values = [getattr(record, name) for record in self.records]
        return np.asarray([v for v in values if v is not None])
