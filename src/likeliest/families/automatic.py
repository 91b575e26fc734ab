"""A family of one's own, in a few lines, from its log p alone.

What is not given is derived by autograd, or is not on offer. A certificate says so: autograd is then no second witness
of the score, and central differences are the only one.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError, ShapeError
from likeliest.families.base import Family, as_column
from likeliest.families.maximise import best_shared_eta
from likeliest.interfaces import Eta
from likeliest.numerics import weighted_mean


class Automatic(Family):
    """A family of your own, from its log p.

    Give ``columns``, the names of η's columns, and `log_prob`. That makes it fit by every rule that needs the value,
    the gradient or the Hessian, alone or under a net. Give more, and more is on offer: ``mean``, ``sample``, ``cdf``,
    ``quantile``, ``tail_mean``, ``deviation``, ``fisher_times``; `supports` for what y can be; ``formula`` and
    ``source`` for reports.
    A family with settings is a frozen dataclass, and they are its fields.

    Write log p in differentiable operations of torch, right in the tails, and with its constants: comparisons between
    families count on them.

    Example:
        >>> class Gumbel(Automatic):
        ...     columns = ("mode", "log_scale")
        ...     def log_prob(self, eta, y):
        ...         mode, log_scale = eta
        ...         z = (y - mode) * torch.exp(-log_scale)
        ...         return -z - torch.exp(-z) - log_scale
        >>> mode, log_scale = Gumbel().score((torch.zeros(1), torch.zeros(1)), torch.tensor([0.5]))
        >>> mode.item(), log_scale.item()
        (0.39346933364868164, -0.8032653331756592)
    """

    links = ("own",)
    columns: tuple[str, ...] | None = ("eta",)
    discrete = False
    has_fisher = False
    derivatives: Literal["analytic", "autograd"] = "autograd"
    support = "a finite number y"
    formula = "p(y|η)"
    log_prob_formula = "log p(y|η)"
    mean_formula = "E[y]"
    score_formula = "∂ log p(y|η)/∂η, by autograd"
    source = "a family of one's own"

    def __init_subclass__(cls, **given: Any) -> None:
        """Name the family by its class unless it has a name; see whether Fisher information and score are given."""
        super().__init_subclass__(**given)
        cls.name = cls.__dict__.get("name", cls.__name__)
        cls.has_fisher = cls.fisher_times is not Automatic.fisher_times
        cls.derivatives = "autograd" if cls.score is Automatic.score else "analytic"

    @abstractmethod
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log p(y | η), (…, n).

        Args:
            eta: of several columns a tuple of tensors (…, n) or (…, 1); of one column a tensor (…, n, 1), so that the
                column itself is ``eta[..., 0]``.
            y: (n,) or (…, n), in η's precision.
        """

    def supports(self, y: Tensor) -> Tensor:
        """Return which y can occur, (…, n): those that are finite, unless a family says more."""
        return torch.isfinite(y)

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`."""
        self._refuse(self.supports(y), y, "leave the row out or mend the value")

    def score(self, eta: Eta, y: Tensor) -> Eta:
        """Return ∂ log p / ∂η by autograd."""
        return self.log_prob_and_score(eta, y)[1]

    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both, from one evaluation."""
        log_prob, _, slopes = self._differentiated(eta, y)
        return log_prob.detach(), slopes if isinstance(eta, tuple) else slopes[0]

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Eta:
        """Return −∂² log p / ∂η² v by autograd, twice."""
        _, leaves, slopes = self._differentiated(eta, y, twice=True)
        directions = v if isinstance(v, tuple) else (v,)
        with torch.enable_grad():
            along = torch.stack([(s * d).sum() for s, d in zip(slopes, directions, strict=True)]).sum()
        return _laid_out(tuple(-g for g in gradient(along, leaves)), eta)

    def _differentiated(
        self, eta: Eta, y: Tensor, *, twice: bool = False
    ) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return log p, the columns that it was taken at, and its slopes: each row's, for rows know nothing of another.

        Columns are spread first to one number a row, so that their slopes are too.
        """
        rows = torch.broadcast_shapes(*(c.shape for c in eta)) if isinstance(eta, tuple) else eta.shape[:-1]
        shapes: list[tuple[int, ...]] = []
        while len(shapes) < 2:
            leaves = tuple(c.detach().expand(s).requires_grad_() for c, s in _spread(eta, rows))
            with torch.enable_grad():
                log_prob = self.log_prob(_laid_out(leaves, eta), y)
            if log_prob.shape == rows:
                return log_prob, leaves, gradient(log_prob, leaves, twice=twice)
            shapes.append(tuple(log_prob.shape))
            rows = torch.broadcast_shapes(rows, log_prob.shape)
        raise ShapeError(
            f"log_prob of {self.name} must give one number a row; it gives {shapes[0]} for y of shape "
            f"{tuple(y.shape)}. The one column of η has the shape (…, n, 1): write eta[..., 0]"
        )

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the best shared η (…, K), found numerically; a large number where it is infinite."""
        names = self.columns or tuple(f"eta_{k}" for k in range(outputs or 1))
        return best_shared_eta(self, y, weight, _starts(names, y))

    def linear_error(self, eta: Eta, y: Tensor) -> Eta:
        """Return y − η in the first column, and zeros after it."""
        if isinstance(eta, tuple):
            error = (y - eta[0]).to(eta[0].dtype)
            return error, *(torch.zeros_like(error) for _ in eta[1:])
        if eta.shape[-1] != 1:
            raise self._not_given("linear_error")
        return as_column(eta, y) - eta

    def mean(self, eta: Eta) -> Tensor:
        """Return E[y | η], where the family gives it."""
        raise self._not_given("mean")

    def fisher_times(self, eta: Eta, v: Eta) -> Eta:
        """Return F v, where the family gives it."""
        raise self._not_given("fisher_times")

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw y, where the family says how."""
        raise self._not_given("sample")

    def cdf(self, eta: Eta, y: Tensor) -> Tensor:
        """Return P(Y ≤ y | η), where the family gives it."""
        raise self._not_given("cdf")

    def quantile(self, eta: Eta, level: Tensor) -> Tensor:
        """Return the quantile, where the family gives it."""
        raise self._not_given("quantile")

    def tail_mean(self, eta: Eta, level: Tensor) -> Tensor:
        """Return the mean of the tail, where the family gives it."""
        raise self._not_given("tail_mean")

    def deviation(self, eta: Eta) -> Tensor:
        """Return the standard deviation, where the family gives it."""
        raise self._not_given("deviation")

    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return the deviance, where the family gives it."""
        raise self._not_given("deviance")

    def _not_given(self, what: str, method: str | None = None) -> NotOnOfferError:
        return NotOnOfferError(
            f"{self.name} gives no {what}; define {method or what} in the class {type(self).__name__} to have it"
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of a dataclass; else there are none."""
        this: Any = self
        return {f.name: getattr(this, f.name) for f in fields(this)} if is_dataclass(this) else {}

    def to_json(self) -> dict[str, Any]:
        """Return plain values, with the class by which a model file asks for the family."""
        kind = type(self)
        return {**super().to_json(), "class": f"{kind.__module__}.{kind.__qualname__}"}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.settings == getattr(other, "settings", None)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(self.settings.items())))


def _spread(eta: Eta, rows: torch.Size) -> list[tuple[Tensor, Sequence[int]]]:
    """Each column, or all of them in one tensor, with the shape that it has when it is spread over rows."""
    if isinstance(eta, tuple):
        return [(column, rows) for column in eta]
    return [(eta, (*rows, eta.shape[-1]))]


def _laid_out(parts: tuple[Tensor, ...], like: Eta) -> Eta:
    return parts if isinstance(like, tuple) else parts[0]


def gradient(values: Tensor, leaves: tuple[Tensor, ...], *, twice: bool = False) -> tuple[Tensor, ...]:
    """The derivatives of the sum of some values, and zeros where they do not depend on a leaf."""
    if not values.requires_grad:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    with torch.enable_grad():
        return torch.autograd.grad(values.sum(), leaves, create_graph=twice, allow_unused=True, materialize_grads=True)


def _starts(names: Sequence[str], y: Tensor) -> list[list[float]]:
    """Where to begin: on either side of 0, and where a location, a log of a mean and a log of a scale of y would be."""
    mean = float(weighted_mean(y.double().flatten()))
    spread = float((y.double() - mean).square().mean().sqrt())
    log_scale = math.log(spread) if spread > 0 else 0.0
    rest = [log_scale if name == "log_scale" else 0.0 for name in names[1:]]
    signs = [[sign] * len(names) for sign in (0.0, -1.0, 1.0)]
    mixed = [[sign, *[-sign] * (len(names) - 1)] for sign in (1.0, -1.0)]
    return [*signs, *mixed, [mean, *rest], *([[math.log(mean), *rest]] if mean > 0 else [])]
