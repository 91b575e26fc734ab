"""One augmentation after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from torch import Tensor

from likeliest.augment.base import Augmentation, Rows


@final
@dataclass(frozen=True)
class Chain(Augmentation):
    """Apply augmentations in turn, each with numbers of its own, all drawn at once.

    Args:
        parts: the augmentations, first to last; an empty chain changes nothing.

    Example:
        >>> import torch
        >>> from likeliest.augment import Cutout, Flip, Shift
        >>> from likeliest.interfaces import Draw
        >>> chain = Chain((Shift(2), Flip(), Cutout(8)))
        >>> x, y = torch.zeros(4, 28, 28, 1, dtype=torch.uint8), torch.tensor([0, 1, 1, 0])
        >>> x, y, weight = chain(x, y, None, Draw(seed=0, epoch=3, rows=torch.tensor([17, 4, 9, 2])))
        >>> x.shape, y.tolist(), weight
        (torch.Size([4, 28, 28, 1]), [0, 1, 1, 0], None)
    """

    parts: tuple[Augmentation, ...]

    name: ClassVar[str] = "chain"

    @property
    def numbers(self) -> int:
        """See `Augmentation.numbers`."""
        return sum(part.numbers for part in self.parts)

    def apply(self, x: Tensor, y: Tensor, weight: Tensor | None, u: Tensor) -> Rows:
        """See `Augmentation.apply`."""
        for part, numbers in zip(self.parts, u.split([part.numbers for part in self.parts], 1), strict=True):
            x, y, weight = part.apply(x, y, weight, numbers)
        return x, y, weight

    def to_json(self) -> dict[str, Any]:
        """See `Augmentation.to_json`."""
        return {"augmentation": self.name, "parts": [part.to_json() for part in self.parts]}
