"""Which augmentations suit the pictures: asked of the training rows, answered in words and figures.

An augmentation is right when it leaves the class as it was. So: do augmented copies of other training pictures, under
their own classes, make the class of a held-out picture less probable? The mirror image of a 2 lies next to a 5 and
misleads; that of a shirt lies next to other shirts. The judge is local, for a global one such as a linear model would
run short of parameters rather than of evidence: a Parzen window on small pictures, p(k | x) ∝ Σ_i [y_i = k]
exp(−‖x − x_i‖²/h), its width chosen by NLL without the copies and again with them.

Small shifts are used until they are shown to mislead; mirror images when they are shown not to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from likeliest.augment.base import Augmentation, check_pictures
from likeliest.augment.chain import Chain
from likeliest.augment.moving import Flip, Shift
from likeliest.augment.pixels import Cutout
from likeliest.interfaces import Draw
from likeliest.randomness import stream

ROWS = 2_000
"""Rows that are asked: enough to tell a rise of 2 % in NLL, few enough for seconds."""
SIDE = 14
"""Larger pictures are averaged down to so many pixels a side."""
FEWEST = 100
"""Fewer rows than these are not asked."""
FOLDS = 3
TOLERATED = 0.05
"""A rise of the NLL, as a share of it, that counts as none."""
LONG = 40.0
"""From so many passes on, nets that shift and mirror still learn their training pictures by heart: cutout pays."""
_WIDTHS = (0.05, 0.1, 0.2, 0.4, 0.8)
_PSEUDO_ROWS = (1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class Evidence:
    """What copies do to held-out pictures.

    Attributes:
        null: the NLL per row, in nats, of the classes' shares alone.
        without: that of the Parzen window.
        change: how much copies in the window add to that.
        error: the standard error of the change, over rows.
    """

    null: float
    without: float
    change: float
    error: float

    @property
    def harmless(self) -> bool:
        """The change is below `TOLERATED` of the NLL, and of what pixels tell at all, by a standard error or more."""
        return self.change + self.error <= TOLERATED * min(self.without, self.null - self.without)

    @property
    def harmful(self) -> bool:
        """The change is above `TOLERATED` of the NLL by a standard error or more."""
        return self.change - self.error > TOLERATED * self.without

    def __str__(self) -> str:
        return (
            f"held-out NLL of a local classifier {self.without:.4f}, with such copies {self.change:+.4f} ± "
            f"{self.error:.4f}; the classes' shares alone have {self.null:.4f}"
        )


@dataclass(frozen=True)
class Recommendation:
    """Augmentations for a training set, and why: ``reasons`` has a sentence for each that was thought of."""

    chain: Chain
    reasons: tuple[str, ...]


def recommend(x: Tensor, y: Tensor, classes: int, seed: int = 0, *, passes: float = 16.0) -> Recommendation:
    """Return augmentations that leave the classes of these pictures as they are.

    Shifts, by 1/14 of the shorter side, and mirror images are put to the test that the module's docstring describes;
    cutout comes in for long runs. The same rows and seed give the same answer; 2,000 rows are looked at, in seconds.

    Args:
        x: training pictures (n, H, W, C), bytes or floats.
        y: class indices (n,).
        classes: K.
        seed: of the rows that are asked.
        passes: how many times the net will see each row.

    Raises:
        ShapeError: no pictures.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> digits = load_digits()
        >>> x = torch.from_numpy(digits.images * 15).byte()[..., None]
        >>> recommend(x, torch.from_numpy(digits.target), 10).chain
        Chain(parts=(Shift(pixels=1, pad='zeros'),))
    """
    check_pictures("recommend", x)
    side = min(x.shape[1:3])
    shift, mirror = Shift(max(1, round(side / 14)), _padding(x)), Flip("horizontal")
    if len(x) < FEWEST:
        return Recommendation(Chain((shift,)), (f"flip: left out; {len(x)} pictures are too few to ask",))
    moved = copies_tell(x, y, classes, shift, seed)
    mirrored = copies_tell(x, y, classes, Flip("horizontal", 1.0), seed)
    known = f"there are {passes:g} passes and it pays from {LONG:g} on"
    thought_of: tuple[tuple[Augmentation, bool, object], ...] = (
        (shift, not moved.harmful, moved),
        (mirror, mirrored.harmless, mirrored),
        (Cutout(round(side * 2 / 7)), passes >= LONG, known),
    )
    return Recommendation(
        Chain(tuple(kind for kind, used, _ in thought_of if used)),
        tuple(f"{kind.name}: {'used' if used else 'left out'}; {why}" for kind, used, why in thought_of),
    )


def copies_tell(x: Tensor, y: Tensor, classes: int, kind: Augmentation, seed: int = 0) -> Evidence:
    """Ask `ROWS` training rows, in turns held out, what augmented copies of the others do to them."""
    chosen = torch.from_numpy(np.sort(stream(seed, "augment.suits").permutation(len(x))[:ROWS]))
    x, y = x[chosen].cpu(), y[chosen].cpu()
    copies, *_ = kind(x, y, None, Draw(seed, 0, chosen))
    target = torch.nn.functional.one_hot(y, classes).double()
    turn = torch.from_numpy(stream(seed, "augment.suits", 1).permutation(len(x))) % FOLDS
    pairs = [_fold_nll(_small(x), _small(copies), target, turn == fold) for fold in range(FOLDS)]
    without, with_copies = (_at_best(torch.cat(values, -1)) for values in zip(*pairs, strict=True))
    change = with_copies - without
    share = target.mean(0)
    return Evidence(
        null=float(-torch.xlogy(share, share).sum()),
        without=float(without.mean()),
        change=float(change.mean()),
        error=float(change.std()) / math.sqrt(len(change)),
    )


def _fold_nll(x: Tensor, copies: Tensor, target: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
    """NLL of the held-out rows without and with copies of the others, each (settings, rows)."""
    other, asked = ~held_out, x[held_out]
    near, far = _squared_distances(asked, x[other]), _squared_distances(asked, copies[other])
    scale = near.amin(1).median().clamp(min=torch.finfo(near.dtype).tiny)
    own, others = target[held_out], target[other]
    return (
        _parzen_nll(near / scale, others, own),
        _parzen_nll(torch.cat((near, far), 1) / scale, torch.cat((others, others)), own),
    )


def _parzen_nll(distance: Tensor, target: Tensor, own: Tensor) -> Tensor:
    """−log p of the own class for each width and number of pseudo-rows, which are spread evenly over the classes."""
    above = distance - distance.amin(1, keepdim=True)
    rows = []
    for width in _WIDTHS:
        votes = (above / -width).exp() @ target
        for pseudo in _PSEUDO_ROWS:
            p = (votes + pseudo / target.shape[1]) / (votes.sum(1, keepdim=True) + pseudo)
            rows.append(-(p * own).sum(1).log())
    return torch.stack(rows)


def _at_best(nll: Tensor) -> Tensor:
    """The rows' NLL at the setting with the lowest mean."""
    return nll[nll.mean(1).argmin()]


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    return ((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T).clamp_(min=0)


def _small(x: Tensor) -> Tensor:
    """Pictures as rows of at most `SIDE` × `SIDE` averages a channel, in double precision."""
    size = [min(side, SIDE) for side in x.shape[1:3]]
    return interpolate(x.permute(0, 3, 1, 2).double(), size, mode="area").flatten(1)


def _padding(x: Tensor) -> str:
    """Zeros where the pictures' outermost pixels mostly are; else what is there, mirrored."""
    border = torch.cat([x[:ROWS, [0, -1]].flatten(), x[:ROWS, :, [0, -1]].flatten()])
    return "zeros" if (border == 0).double().mean() > 0.5 else "reflect"
