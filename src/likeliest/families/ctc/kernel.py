"""Log p and score of CTC by torch's kernel, and by our own recursion where the kernel has no digits left.

The kernel's backward takes for granted that a log-softmax lies upstream: its derivative of −log p is softmax(η) − γ,
which is minus the score in η itself. It knows no infinities, and loses a digit of γ for each digit of log p. Rows with
either are worked out again by `recursion`, in double precision.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from likeliest import sequences
from likeliest.families.ctc import recursion
from likeliest.families.ctc.texts import frames_needed, lengths_of
from likeliest.numerics import finite

_FLOOR = {torch.float32: -1e30, torch.float64: recursion.NEVER}
"""What stands for log 0 in the kernel, whose differences of infinities are NaN."""
_RESOLVED = 1e-3
"""The relative error of γ, about |log p| times the resolution of a number, up to which the kernel's word is taken."""
_FAR = -1e6
"""What stands for log 0 where p = 0, to find which alignments have the fewest such frames."""
_STATES = 2**21
"""States times frames that the recursion keeps at a time: some tens of megabytes."""


def in_rows(eta: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """All examples of all runs one after another, (N, T, K), with their texts (N, U), U that of the longest."""
    lead, event = eta.shape[:-2], eta.shape[-2:]
    longest = int(lengths_of(y).max()) if y.numel() else 0
    texts = y[..., :longest].expand(*lead, longest)
    return eta.reshape(math.prod(lead), *event), texts.reshape(math.prod(lead), longest)


def log_probs(eta: Tensor) -> Tensor:
    """Return log softmax(η) over the last axis; +inf share p equally, and what is too small for a number is −inf."""
    lp = finite(eta).log_softmax(-1)
    return lp.masked_fill(lp < _FLOOR[lp.dtype], -torch.inf)


def log_prob(eta: Tensor, y: Tensor) -> Tensor:
    """Return log p(y | η).

    Args:
        eta: (N, T, K).
        y: (N, U) labels, filled up with 0.

    Returns:
        (N,), in η's precision.
    """
    if not len(eta):
        return eta.new_zeros(0)
    nll, *_ = _forward(*_bounded(eta), y)
    total = -nll
    rows = _unresolved(nll)
    if len(rows):
        total[rows] = _carefully(eta[rows], y[rows])[0].to(total.dtype)
    return total


def log_prob_and_score(eta: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p(y | η), (N,), and γ − softmax(η), (N, T, K), as `log_prob` takes and gives them."""
    if not len(eta):
        return eta.new_zeros(0), torch.zeros_like(eta)
    lp, frames = _bounded(eta)
    nll, alpha, lengths = _forward(lp, frames, y)
    args = (lp.transpose(0, 1), y, frames, lengths, nll, alpha, 0, True)
    score = torch.ops.aten._ctc_loss_backward.Tensor(-torch.ones_like(nll), *args).transpose(0, 1).contiguous()
    total = -nll
    rows = _unresolved(nll)
    if len(rows):
        own, own_score = _carefully(eta[rows], y[rows])
        total[rows], score[rows] = own.to(total.dtype), own_score.to(score.dtype)
    return total, score


def _bounded(eta: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities, none of them below what the kernel can take for log 0, and the frames of each row."""
    lp, floor = eta.log_softmax(-1), _FLOOR[eta.dtype]
    lowest = float(lp.min())
    if lowest >= floor:
        return lp, torch.full((len(lp),), lp.shape[1], device=lp.device)
    lp = log_probs(eta) if math.isnan(lowest) else lp
    return lp.clamp_(min=floor), sequences.frames(eta)


def _forward(lp: Tensor, frames: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """−log p, the kernel's forward variables, and the labels of each row."""
    lengths = lengths_of(y)
    nll, alpha = torch.ops.aten._ctc_loss.Tensor(lp.transpose(0, 1), y, frames, lengths, 0, True)
    return nll, alpha, lengths


def _unresolved(nll: Tensor) -> Tensor:
    """Indices of the rows whose log p is too large a number for γ to have digits, infinite, or NaN."""
    return torch.nonzero(~(nll * torch.finfo(nll.dtype).eps <= _RESOLVED))[:, 0]


def _carefully(eta: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Log p and score in double precision, with their limits where p = 0."""
    rows = max(1, _STATES // (eta.shape[-2] * (2 * y.shape[-1] + 1)))
    parts = [_limits(e.double(), part) for e, part in zip(eta.split(rows), y.split(rows), strict=True)]
    total, score = zip(*parts, strict=True)
    return torch.cat(total), torch.cat(score)


def _limits(eta: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """As `_carefully`. Where p = 0, γ is that of the paths with the fewest impossible frames.

    That is γ if all that is impossible were equally improbable, ever more so. No η makes a text likely that its frames
    have no room for: its score is 0.
    """
    lp, frames = log_probs(eta), sequences.frames(eta)
    total, posteriors = recursion.log_prob_and_posteriors(lp.clamp(min=recursion.NEVER), y)
    none = total < recursion.NEVER / 2
    crowded = none & (frames < frames_needed(y))
    distant = torch.nonzero(none & ~crowded)[:, 0]
    if len(distant):
        near = lp[distant].clamp(min=_FAR)
        ended = torch.arange(lp.shape[1], device=lp.device) >= frames[distant, None]
        near[..., 1:].masked_fill_(ended[..., None], recursion.NEVER)
        posteriors[distant] = recursion.log_prob_and_posteriors(near, y[distant])[1]
    score = posteriors.sub_(lp.exp()).masked_fill_(crowded[:, None, None], 0.0)
    return total.masked_fill(none, -torch.inf), score
