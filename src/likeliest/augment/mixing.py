"""Augmentations of targets: labels smoothed, and rows mixed with partners from their batch.

A mixture stands for both of its rows: λ w_i log p(y_i | x̃) + (1 − λ) w_j log p(y_j | x̃). For a log p that is linear in
y, as that of a categorical is, this is the one row of weight w̃ = λ w_i + (1 − λ) w_j and target
(λ w_i y_i + (1 − λ) w_j y_j) / w̃; that is what comes back.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from likeliest.augment.base import (
    Augmentation,
    Rows,
    check_pictures,
    check_within,
    integers,
    looked_up,
    pasted,
    per_row,
)
from likeliest.errors import ShapeError, SpecificationError


@final
@dataclass(frozen=True)
class LabelSmoothing(Augmentation):
    """Targets become (1 − ε) y + ε/K: a class index gets probability 1 − ε + ε/K and every other class ε/K.

    Args:
        epsilon: ε, in [0, 1].
        classes: K.

    Raises:
        SpecificationError: ε outside [0, 1], or fewer than two classes.
        ShapeError: probabilities of another number of classes.

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), Rethinking the inception architecture, section 7.

    Example:
        >>> LabelSmoothing(0.2, 2).apply(torch.zeros(1, 1), torch.tensor([1]), None, torch.zeros(1, 0))[1].tolist()
        [[0.1..., 0.9...]]
    """

    epsilon: float
    classes: int

    name: ClassVar[str] = "label_smoothing"
    numbers: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_within("LabelSmoothing", "epsilon", self.epsilon, 0, 1)
        check_within("LabelSmoothing", "classes", self.classes, 2, math.inf)

    def apply(self, x: Tensor, y: Tensor, weight: Tensor | None, u: Tensor) -> Rows:
        """See `Augmentation.apply`."""
        p = probabilities(y, self.classes, x)
        return x, (p * (1 - self.epsilon)).add_(self.epsilon / self.classes), weight


@dataclass(frozen=True)
class Mixing(Augmentation):
    """Rows mixed with partners: each row of a batch is the partner of exactly one other; λ is one number a row.

    The order of partners is drawn for the rows of the batch, whatever their order; it is the one thing here that
    depends on which rows meet in a batch.

    Args:
        alpha: λ is Beta(α, α), tabulated at 4,096 quantiles; 1 is the uniform distribution.
        classes: K, for targets that are class indices; None for targets that are numbers.
        p: the share of rows that are mixed; the others have λ = 1.

    Raises:
        SpecificationError: α that is not positive, fewer than two classes, p outside [0, 1], or class indices without
            the number of classes.
        ShapeError: probabilities of another number of classes.
    """

    alpha: float
    classes: int | None = None
    p: float = 1.0

    def __post_init__(self) -> None:
        who = type(self).__name__
        if not 0 < self.alpha < math.inf:
            raise SpecificationError(f"{who} needs alpha above 0, found {self.alpha!r}")
        if self.classes is not None:
            check_within(who, "classes", self.classes, 2, math.inf)
        check_within(who, "p", self.p, 0, 1)

    def apply(self, x: Tensor, y: Tensor, weight: Tensor | None, u: Tensor) -> Rows:
        """See `Augmentation.apply`."""
        share = u[:, 3] if self.alpha == 1 else looked_up(u[:, 3], _beta, self.alpha)
        share = torch.where(u[:, 2] < self.p, share, 1.0)
        partner = partners(u[:, :2])
        x, share = self.mixed(x, x.index_select(0, partner), share, u[:, 4:])
        target = self._target(x, y)
        return x, *_mixed_targets(target, target[partner], weight, partner, share)

    def _target(self, x: Tensor, y: Tensor) -> Tensor:
        if self.classes is not None:
            return probabilities(y, self.classes, x)
        if not y.is_floating_point():
            raise SpecificationError(f"{type(self).__name__} of class indices needs to know how many: pass classes=K")
        return y

    @abstractmethod
    def mixed(self, x: Tensor, other: Tensor, share: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixed inputs, and the share of each that is the row's own; ``other`` may be overwritten."""


@final
@dataclass(frozen=True)
class Mixup(Mixing):
    """x̃ = λ x + (1 − λ) x′, of pictures or of the rows of a table; bytes become float32. See `Mixing`.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz (2018), mixup: beyond empirical risk minimization.

    Example:
        >>> x, y = torch.tensor([[0.0], [4.0]]), torch.tensor([0, 1])
        >>> x, y, _ = Mixup(1.0, classes=2).apply(x, y, None, torch.tensor([[0.1, 0, 0, 0.75], [0.2, 0, 0, 0.5]]))
        >>> x.tolist(), y.tolist()
        ([[1.0], [2.0]], [[0.75, 0.25], [0.5, 0.5]])
    """

    name: ClassVar[str] = "mixup"
    numbers: ClassVar[int] = 4

    def mixed(self, x: Tensor, other: Tensor, share: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """See `Mixing.mixed`."""
        dtype = x.dtype if x.is_floating_point() else torch.float32
        own = per_row(share, x).to(dtype)
        # Products are written over copies: memory that is new costs more here than arithmetic.
        return x.to(dtype, copy=True).mul_(own).add_(other.to(dtype).mul_(1 - own)), share


@final
@dataclass(frozen=True)
class CutMix(Mixing):
    """A rectangle of the partner is pasted over each picture, at the same place. See `Mixing`.

    Its sides are √(1 − λ) of the picture's, its centre is any pixel; λ is then the share of pixels that stay.

    Source: Yun, Han, Oh, Chun, Choe and Yoo (2019), CutMix: regularization strategy to train strong classifiers.

    Example:
        >>> x = torch.tensor([1, 2], dtype=torch.uint8)[:, None, None, None].expand(2, 2, 2, 1)
        >>> u = torch.tensor([[0.1, 0, 0, 0.75, 0.5, 0.5], [0.2, 0, 0, 0.5, 0, 0]])
        >>> x, y, _ = CutMix(1.0, classes=2).apply(x, torch.tensor([0, 1]), None, u)
        >>> x[0, :, :, 0].tolist(), y[0].tolist()
        ([[1, 1], [1, 2]], [0.75, 0.25])
    """

    name: ClassVar[str] = "cutmix"
    numbers: ClassVar[int] = 6

    def mixed(self, x: Tensor, other: Tensor, share: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """See `Mixing.mixed`."""
        check_pictures("CutMix", x)
        height, width = x.shape[1:3]
        side = (1 - share).sqrt()
        (top, bottom), (left, right) = (_span(u[:, i], side, length) for i, length in ((0, height), (1, width)))
        stay = height * width - (bottom - top) * (right - left)
        return pasted(x, other, top, bottom, left, right), stay.to(share.dtype) / (height * width)


def _span(u: Tensor, side: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """First pixel and the one after the last of a side about a random pixel, as far as they lie in the picture."""
    pixels = (side * length).long()
    first = integers(u, length) - pixels // 2
    return first.clamp(min=0), (first + pixels).clamp(max=length)


def partners(u: Tensor) -> Tensor:
    """Each row's partner, by position: the row that follows it when the rows are sorted by numbers of their own."""
    order = (u[:, 0].double() + u[:, 1].double() * 2.0**-24).argsort(stable=True)
    return torch.empty_like(order).scatter_(0, order, order.roll(-1))


def probabilities(y: Tensor, classes: int, x: Tensor) -> Tensor:
    """Class indices (n,) as probabilities (n, K), in the precision of x; probabilities stay."""
    if y.is_floating_point():
        if y.shape[1:] != (classes,):
            raise ShapeError(f"probabilities of {classes} classes need shape (n, {classes}), found {tuple(y.shape)}")
        return y
    dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    out = torch.zeros((len(y), classes), dtype=dtype, device=y.device)
    return out.scatter_(1, y[:, None], 1)


def _mixed_targets(
    own: Tensor, other: Tensor, weight: Tensor | None, partner: Tensor, share: Tensor
) -> tuple[Tensor, Tensor | None]:
    """See the module's docstring; where both weights are 0, targets mix as if both were 1."""
    share = share.to(own.dtype)
    mixed = None
    if weight is not None:
        first, second = share * weight, (1 - share) * weight[partner]
        mixed = first + second
        share = torch.where(mixed > 0, first / torch.where(mixed > 0, mixed, 1), share)
    share = per_row(share, own)
    return own * share + other * (1 - share), mixed


def _beta(p: np.ndarray, alpha: float) -> np.ndarray:
    return np.asarray(betaincinv(alpha, alpha, p))
