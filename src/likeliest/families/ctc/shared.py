"""The best frame that all texts could share: the model without inputs, to compare others with."""

from __future__ import annotations

import torch
from torch import Tensor

from likeliest import sequences
from likeliest.families.ctc import kernel
from likeliest.families.ctc.texts import check_alignable, lengths_of

_STEPS, _TOLERANCE = 200, 1e-9
_ROWS = 1024
"""Rows whose η is written out at a time."""


def shared_frame(y: Tensor, frames: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
    """Return the η (K,) that maximises Σ w log p(y | η) when all frames of all rows share it.

    It is what the family's ``null_eta`` would be if y said how many frames there are. Found by expectation and
    maximisation: each step sets p_k to the share of frames that are column k, given the texts, and log p never falls.

    Args:
        y: (n, U) labels, filled up with 0.
        frames: (n,) frames of each row, at least as many as its text needs.
        weight: (n,), not all 0.
        outputs: the number of columns; the largest label + 1 if None.

    Returns:
        (K,) in double precision, log p_k; −inf for a label that no text has.

    Raises:
        SupportError: a text needs more frames than there are.

    Source: Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.

    Example:
        >>> shared_frame(torch.tensor([[1], [1]]), torch.tensor([1, 1])).exp().tolist()
        [0.0, 1.0]
    """
    check_alignable(y, frames)
    weight = y.new_ones(len(y), dtype=torch.float64) if weight is None else weight.double()
    p = _start(y, frames, int(y.max()) + 1 if outputs is None else outputs)
    before = -torch.inf
    for _ in range(_STEPS):
        value, counts = 0.0, torch.zeros_like(p)
        for part in zip(*(given.split(_ROWS) for given in (y, frames, weight)), strict=True):
            log_prob, expected = _expected(p, *part)
            value, counts = value + log_prob, counts + expected
        if value - before <= _TOLERANCE * abs(value):
            break
        before, p = value, counts / counts.sum()
    return p.log()


def _expected(p: Tensor, y: Tensor, frames: Tensor, weight: Tensor) -> tuple[float, Tensor]:
    """Σ w log p(y) of some rows, and of how many frames each column is expected to be (K,)."""
    eta = sequences.end(p.log().repeat(len(y), int(frames.max()), 1), frames)
    log_prob, score = kernel.log_prob_and_score(eta, y)
    counts = torch.einsum("n,ntk->k", weight, score) + (weight * frames).sum() * p
    return float((weight * log_prob).sum()), counts.clamp(min=0)


def _start(y: Tensor, frames: Tensor, outputs: int) -> Tensor:
    """One frame a label, and the rest blanks; no column that a text needs begins at 0."""
    counts = torch.bincount(y[y != 0], minlength=outputs).double()
    counts[0] = (frames - lengths_of(y)).sum().clamp(min=1)
    return counts / counts.sum()
