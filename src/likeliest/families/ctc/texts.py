"""Texts as labels: (…, U) int64, 1 … K − 1, filled up with 0, which is the blank and never a label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from likeliest.errors import SupportError

_NAMED = 3
"""Rows that a message names before it counts the rest."""


def lengths_of(y: Tensor) -> Tensor:
    """Count the labels of each text, (…, U) → (…).

    Example:
        >>> lengths_of(torch.tensor([[3, 1, 0], [0, 0, 0]])).tolist()
        [2, 0]
    """
    return (y != 0).sum(-1)


def frames_needed(y: Tensor) -> Tensor:
    """Count the frames that each text (…, U) needs: one a label, and a blank between two equal ones.

    Example:
        >>> frames_needed(torch.tensor([[3, 3, 1], [2, 0, 0]])).tolist()
        [4, 1]
    """
    repeats = (y[..., 1:] == y[..., :-1]) & (y[..., 1:] != 0)
    return lengths_of(y) + repeats.sum(-1)


def collapse(path: Tensor) -> Tensor:
    """Read what a path says: runs of one column count once, then blanks go. (…, T) → (…, U), U that of the longest.

    Example:
        >>> collapse(torch.tensor([[0, 2, 2, 0, 2], [0, 0, 0, 1, 1]])).tolist()
        [[2, 2], [1, 0]]
    """
    first = torch.ones_like(path, dtype=torch.bool)
    first[..., 1:] = path[..., 1:] != path[..., :-1]
    kept = first & (path != 0)
    place = kept.cumsum(-1)
    longest = int(place.max()) if place.numel() else 0
    y = path.new_zeros(*path.shape[:-1], longest + 1)
    return y.scatter_(-1, place * kept, path * kept)[..., 1:]


def check_alignable(y: Tensor, frames: Tensor, names: Sequence[str] | None = None) -> None:
    """Raise unless the frames of each row have room for its text; ask before training, for p = 0 is no place to start.

    Args:
        y: (n, U) labels, filled up with 0.
        frames: (n,) frames of each row, as `likeliest.sequences.frames` counts them.
        names: what to call each row, such as its file; its number if None.

    Raises:
        SupportError: with the first rows that cannot be aligned, how many frames they need, and the remedies.

    Example:
        >>> check_alignable(torch.tensor([[1, 1]]), torch.tensor([2]), ["a.wav"])
        Traceback (most recent call last):
        ...
        likeliest.errors.SupportError: 1 of 1 texts cannot be aligned: a.wav has 2 frames, and its 2 labels need 3...
    """
    lengths, needed = lengths_of(y), frames_needed(y)
    short = torch.nonzero(frames < needed)[:, 0].tolist()
    if not short:
        return
    told = [
        f"{names[i] if names is not None else f'row {i}'} has {int(frames[i])} frames, and its {int(lengths[i])} "
        f"labels need {int(needed[i])}"
        for i in short[:_NAMED]
    ]
    more = f"; and {len(short) - _NAMED} more" if len(short) > _NAMED else ""
    raise SupportError(
        f"{len(short)} of {len(y)} texts cannot be aligned: {'; '.join(told)}{more}. A label needs a frame, and two "
        "equal ones a blank between them: mend the text or leave the row out, or give the predictor a smaller stride"
    )
