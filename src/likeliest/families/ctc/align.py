"""Which frames say which label: the most probable path of a text with its timestamps, and posteriors over columns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from likeliest.families.ctc import kernel
from likeliest.families.ctc.texts import lengths_of


@dataclass(frozen=True)
class Alignment:
    """The most probable path of each text through its frames.

    Attributes:
        log_prob: (n,) log-probability of that path alone; −inf where there is none.
        path: (n, T) the column of each frame; −1 where there is none.
        spans: (n, U, 2) of each label the first of its frames and the one after the last; −1 where y has no label.
    """

    log_prob: Tensor
    path: Tensor
    spans: Tensor


def align(eta: Tensor, y: Tensor) -> Alignment:
    """Find the most probable path of each text by Viterbi's recursion, in double precision.

    Args:
        eta: (n, T, K), as the ctc family has it.
        y: (n, U) labels, filled up with 0.

    Source: Viterbi (1967); for the states of a text Graves et al. (2006).

    Example:
        >>> eta = torch.tensor([[[0.0, 3.0, 0.0], [0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 3.0]]])
        >>> found = align(eta, torch.tensor([[1, 2]]))
        >>> found.path.tolist(), found.spans.tolist()
        ([[1, 1, 0, 2]], [[[0, 2], [3, 4]]])
    """
    states = _states(y)
    emission = kernel.log_probs(eta.detach().double()).gather(-1, states[:, None].expand(-1, eta.shape[-2], -1))
    best, back = _forward(emission, states)
    last = 2 * lengths_of(y)[:, None]
    ends = torch.cat((last, (last - 1).clamp(min=0)), 1)
    log_prob, which = best.gather(1, ends).max(1)
    walk = _backward(back, ends.gather(1, which[:, None])[:, 0])
    walk = walk.masked_fill(log_prob.isinf()[:, None], -1)
    path = torch.where(walk < 0, -1, states.gather(1, walk.clamp(min=0)))
    return Alignment(log_prob.to(eta.dtype), path, _spans(walk, y))


def posteriors(eta: Tensor, y: Tensor) -> Tensor:
    """Return γ: how probable each column is in each frame given the text, (…, n, T, K); each frame sums to 1.

    Args:
        eta: (…, n, T, K), as the ctc family has it.
        y: (n, U) labels, filled up with 0. Of one that has no path, γ is softmax(η).

    Example:
        >>> posteriors(torch.zeros(1, 2, 2), torch.tensor([[1]])).mul(3).round().tolist()
        [[[1.0, 2.0], [1.0, 2.0]]]
    """
    eta = eta.detach()
    return kernel.log_prob_and_score(*kernel.in_rows(eta, y))[1].reshape(eta.shape) + kernel.log_probs(eta).exp()


def _states(y: Tensor) -> Tensor:
    """The text with blanks before, between and after its labels: (n, 2U + 1)."""
    states = y.new_zeros(len(y), 2 * y.shape[1] + 1)
    states[:, 1::2] = y
    return states


def _forward(emission: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """The best log-probability at each state of the last frame (n, S), and how many states each step came by."""
    n, frames, s = emission.shape
    barred = torch.ones_like(states, dtype=torch.bool)
    barred[:, 3:] = (states[:, 3:] == 0) | (states[:, 3:] == states[:, 1:-2])
    best = emission.new_full((n, s + 2), -torch.inf)
    best[:, 2:4] = emission[:, 0, :2]
    back = torch.zeros(n, frames, s, dtype=torch.uint8, device=states.device)
    for t in range(1, frames):
        came = torch.stack((best[:, 2:], best[:, 1:-1], best[:, :-2].masked_fill(barred, -torch.inf)))
        values, back[:, t] = came.max(0)
        best[:, 2:] = values + emission[:, t]
    return best[:, 2:], back


def _backward(back: Tensor, state: Tensor) -> Tensor:
    """The state of each frame, (n, T), from the last one (n,)."""
    walk = [state]
    for steps in back[:, 1:].flip(1).unbind(1):
        state = state - steps.gather(1, state[:, None])[:, 0].long()
        walk.append(state)
    return torch.stack(walk[::-1], 1)


def _spans(walk: Tensor, y: Tensor) -> Tensor:
    """First frame and one after the last of each label, (n, U, 2)."""
    own = walk[:, None] == 2 * torch.arange(y.shape[1], device=y.device)[:, None] + 1
    own = own & (y != 0)[..., None]
    first = own.to(torch.uint8).argmax(-1)
    spans = torch.stack((first, first + own.sum(-1)), -1)
    return spans.masked_fill(~own.any(-1)[..., None], -1)
