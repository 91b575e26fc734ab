"""What every family states, and what follows from it.

A family is a probability function p(y | η), per example: it knows no inputs, no parameters and no sum over rows. It
states log p, the score ∂ log p / ∂η, the mean, and curvature as products; matrices and messages are derived here.
`Canonical` derives more for those exponential families whose η is the natural parameter.

A class is abstract or final: nobody inherits from a family that has a name.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, TypeAlias, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError, SupportError
from likeliest.interfaces import Eta

Entries: TypeAlias = dict[tuple[int, int], Tensor]
_Method = TypeVar("_Method", bound=Callable[..., Any])


class Family(ABC):
    """A probability function p(y | η); see `likeliest.interfaces` for the layout of η.

    A leading runs axis of η broadcasts over shared y. What is shaped like η comes as a fresh tensor that the caller may
    overwrite, or as a tuple of columns that broadcast.
    """

    name: str
    links: tuple[str, ...]
    """How η may map to the mean, the default first."""
    columns: tuple[str, ...] | None
    """Names of η's columns; None where there is any number of unnamed ones."""
    y_columns: int = 1
    """How many numbers a row of y has: y is (…, n), or (…, n, y_columns) where they are several."""
    event_dims: int = 1
    """Trailing axes of η that one log-probability consumes."""
    gauge: Literal["shift"] | None = None
    """``"shift"`` where one number added to all columns of η changes nothing."""
    dispersion: str | None = None
    """The column, if there is one, that the best values of all others do not depend on: y's scatter and no more."""
    discrete: bool
    """Whether p is a probability of classes or counts, and no density."""
    smooth: bool = True
    """Whether the score is differentiable in η."""
    has_fisher: bool = True
    """Whether the Fisher information is known in closed form."""
    derivatives: Literal["analytic", "autograd"] = "analytic"
    """Who derived the score: a hand, or autograd from log p."""

    support: str
    """Where y lies, in words."""

    @property
    def link(self) -> str:
        """How η maps to the mean; a family of several links has it for a field."""
        return self.links[0]

    @property
    def canonical(self) -> bool:
        """Whether the first column of the score is (y − μ)/φ."""
        return False

    @property
    def domain(self) -> tuple[float, float]:
        """Between what bounds the first column of η must lie; beyond them log p = −inf."""
        return -math.inf, math.inf

    @property
    @abstractmethod
    def formula(self) -> str:
        """p(y | η) as one line of Unicode text."""

    @property
    @abstractmethod
    def log_prob_formula(self) -> str:
        """The log of p(y | η), as one line of Unicode text."""

    @property
    @abstractmethod
    def source(self) -> str:
        """Author and year of the paper or book."""

    @property
    @abstractmethod
    def mean_formula(self) -> str:
        """E[y | η] as one line of Unicode text."""

    @property
    @abstractmethod
    def score_formula(self) -> str:
        """The score as one line of Unicode text."""

    @abstractmethod
    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """Raise unless every y can occur.

        Args:
            y: (n,) or (…, n), or what else the family takes.
            outputs: the number of η's columns, where it is known; an index of a class must lie below it.

        Raises:
            SupportError: with the first row that cannot, its value and the remedy.
        """

    def trials(self, y: Tensor) -> Tensor | None:
        """Return of how many independent trials each row of y is the sum, (…, n); None where it is one trial a row.

        Mean, sample and Fisher information are those of one trial.
        """
        return None

    @abstractmethod
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log p(y | η), (…, n), constants kept."""

    @abstractmethod
    def score(self, eta: Eta, y: Tensor) -> Eta:
        """Return ∂ log p(y | η) / ∂η, derived by hand, like η; every column is (…, n)."""

    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both; families whose two share work say so here."""
        return self.log_prob(eta, y), self.score(eta, y)

    @abstractmethod
    def mean(self, eta: Eta) -> Tensor:
        """Return E[y | η]: (…, n), or (…, n, K) probabilities."""

    @abstractmethod
    def fisher_times(self, eta: Eta, v: Eta) -> Eta:
        """Return F v per example, with F = E[score scoreᵀ] the Fisher information; columns broadcast like η's."""

    @abstractmethod
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Eta:
        """Return O v per example, with O = −∂² log p / ∂η² the observed information."""

    def fisher(self, eta: Eta) -> Tensor:
        """Return the Fisher information, (…, n, K, K)."""
        return _matrix(lambda v: self.fisher_times(eta, v), eta)

    def fisher_entries(self, eta: Eta) -> Entries:
        """Return the Fisher information as its entries (i, k), i ≥ k, each (…, n) or (…, 1); what is left out is 0."""
        return lower_triangle(self.fisher(eta))

    def observed(self, eta: Eta, y: Tensor) -> Tensor:
        """Return the observed information, (…, n, K, K)."""
        return _matrix(lambda v: self.observed_times(eta, y, v), eta)

    @abstractmethod
    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw one y for each row of η, (…, n); the same generator gives the same draws."""

    @abstractmethod
    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the η that maximises Σ w log p(y | η) when all rows share it: the model without inputs.

        Args:
            y: (n,) or (…, n), or what else the family takes.
            weight: (n,) or (…, n), not all 0.
            outputs: the number of η's columns, where it is known.

        Returns:
            (…, K) in double precision; ±inf in a column whose maximum lies on the boundary.
        """

    def recession_cone(self, y: Tensor, outputs: int | None = None) -> Tensor | None:
        """Return which changes of η never lower log p(y | η): those with c · Δη ≥ 0 for each face c of the cone.

        Args:
            y: (n,), or what else the family takes.
            outputs: the number of η's columns, where it is known.

        Returns:
            Faces (n, m, K) in double precision, m the same for all rows. None where nothing is said: log p has
            no upper bound, or always a finite maximum.

        Source: Albert and Anderson (1984); Geyer (2009), Likelihood inference in exponential families and directions of
        recession.
        """
        return None

    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return 2 (log p of the saturated model − log p(y | η)) ≥ 0, (…, n).

        Raises:
            NotOnOfferError: there is no saturated model, for its likelihood has no bound.
        """
        raise NotOnOfferError(
            f"{self.name} with columns {self.columns} has no deviance: its likelihood grows without bound as the fit "
            "gets perfect; compare log_prob instead"
        )

    def deviation(self, eta: Eta) -> Tensor:
        """Return the standard deviation of y given η, (…, n) or (…, 1).

        Raises:
            NotOnOfferError: y is a class and no number.
        """
        raise self._no_number("standard deviation")

    def cdf(self, eta: Eta, y: Tensor) -> Tensor:
        """Return P(Y ≤ y | η), (…, n).

        Raises:
            NotOnOfferError: y is a class and no number.
        """
        raise self._no_number("distribution function")

    def quantile(self, eta: Eta, level: Tensor) -> Tensor:
        """Return the least y with P(Y ≤ y | η) ≥ level, (…, n).

        Raises:
            NotOnOfferError: y is a class and no number.
        """
        raise self._no_number("quantiles")

    def tail_mean(self, eta: Eta, level: Tensor) -> Tensor:
        """Return E[Y | Y ≤ quantile(level)], (…, n): of y as a return, the expected shortfall is its negative.

        Raises:
            NotOnOfferError: nobody has written it in closed form, or y is a class and no number.

        Source: Artzner, Delbaen, Eber and Heath (1999), Coherent measures of risk; Acerbi and Tasche (2002).
        """
        raise NotOnOfferError(
            "the mean of a tail needs a family of numbers with a location and a scale, such as normal or student_t, "
            f"found {self.name}; average those draws of sample that do not exceed its quantile"
        )

    @abstractmethod
    def linear_error(self, eta: Eta, y: Tensor) -> Eta:
        """Return y − η, like η: Widrow and Hoff's error, which knows no link. Columns after the first get zeros."""

    def decision_error(self, eta: Eta, y: Tensor) -> Eta:
        """Return y − decision(η), like η: Rosenblatt's error, 0 wherever the decision is right.

        Raises:
            NotOnOfferError: the family decides between no classes.
        """
        raise NotOnOfferError(
            f"the error of a decision needs a family of classes (bernoulli or categorical), found {self.name}; "
            "use linear_error, which is the delta rule's"
        )

    def _no_number(self, what: str) -> NotOnOfferError:
        return NotOnOfferError(f"{self.name} has no {what}: its y are classes; read the probabilities with mean")

    @property
    def settings(self) -> dict[str, Any]:
        """What a caller may set besides the link, by name: plain values."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which `families.from_json` makes this family again."""
        return {"name": self.name, "link": self.link, **self.settings}

    def _refuse(self, fine: Tensor, y: Tensor, remedy: str) -> None:
        """Raise at the first row (…, n) that is not fine."""
        if bool(fine.all()):
            return
        at = tuple(torch.nonzero(~fine)[0].tolist())
        raise SupportError(f"row {at[-1]}: {self.name} needs {self.support}, found {y[at].tolist()}; {remedy}")


class Canonical(Family):
    """An exponential family log p = ⟨η, T(y)⟩ − A(η) + log h(y), with its natural parameter η for a tensor (…, n, K).

    The score is T − ∇A and its derivative −∇²A is free of y, so the observed information is the Fisher information.
    Each family writes log p and T − ∇A in a form that does not cancel in the tails.
    """

    canonical = True

    @abstractmethod
    def statistic(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return T(y), (n, K) or (…, n, K), in η's precision."""

    @abstractmethod
    def fisher_times(self, eta: Eta, v: Eta) -> Tensor:
        """Return ∇²A(η) v."""

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Tensor:
        """Return ∇²A(η) v."""
        return self.fisher_times(eta, v)

    def linear_error(self, eta: Eta, y: Tensor) -> Tensor:
        """Return T(y) − η."""
        eta = single(eta)
        return self.statistic(eta, y) - eta


def lower_triangle(matrix: Tensor) -> Entries:
    """Return the entries (…, n) of a symmetric matrix (…, n, K, K)."""
    return {(i, k): matrix[..., i, k] for i in range(matrix.shape[-1]) for k in range(i + 1)}


def in_double(method: _Method) -> _Method:
    """Have a method of (self, η, …) compute in double precision and give what it returns in η's: rounded once.

    For families whose special functions cost more than the cast.
    """

    @wraps(method)
    def computed(self: Family, eta: Eta, *rest: Any) -> Any:
        dtype = (eta if isinstance(eta, Tensor) else eta[0]).dtype
        if dtype == torch.float64:
            return method(self, eta, *rest)
        return _cast(method(self, _cast(eta, torch.float64), *rest), dtype)

    return cast(_Method, computed)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) else tuple(_cast(part, dtype) for part in value)


def single(eta: Eta) -> Tensor:
    """Return η as the one tensor that it is in a family of one column or of unnamed ones."""
    assert isinstance(eta, Tensor)
    return eta


def named(eta: Eta) -> tuple[Tensor, ...]:
    """Return η as the tuple that it is in a family of several named columns."""
    assert isinstance(eta, tuple)
    return eta


def as_column(eta: Tensor, y: Tensor) -> Tensor:
    """Return y (…, n) as a column (…, n, 1) in η's precision."""
    return y.to(eta.dtype).unsqueeze(-1)


def double(y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return y and its weights in double precision, for sums over rows."""
    return y.double(), None if weight is None else weight.double()


def _matrix(times: Callable[[Eta], Eta], eta: Eta) -> Tensor:
    """Return the (…, n, K, K) matrix of a linear map on η, from its products with the K unit vectors."""
    if isinstance(eta, Tensor):
        return torch.stack([single(times(unit)) for unit in _units(eta, eta.shape[-1])], -1)
    k = len(eta)
    images = [times(unit.unbind()) for unit in _units(eta[0], k)]
    return torch.stack([torch.stack(torch.broadcast_tensors(*image, *eta)[:k], -1) for image in images], -1)


def _units(like: Tensor, k: int) -> Tensor:
    return torch.eye(k, dtype=like.dtype, device=like.device)
