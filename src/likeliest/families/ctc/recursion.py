"""The forward–backward recursion of CTC in log space, over a batch of texts at once.

An alignment walks through the text with blanks between: blank₀ label₁ blank₁ label₂ … blank_U. Each frame it stays,
goes on by one, or skips the blank between two different labels. With u for the state of a label and b for the blank
before it, and e for the log-probability that the frame gives to it,

    b′_i = log(e^(b_i) + e^(u_(i−1))) + e          u′_i = log(e^(u_i) + e^(b_i) [+ e^(u_(i−1))]) + e

where the term in brackets is there if the label differs from the one before. What a blank receives is what a label
receives beyond its own: one sum serves both. The backward recursion is the forward one on time and text reversed, so
both run as one batch of twice the size. The batch is the innermost axis, where every slice is contiguous.

All is in double precision; no probability is formed but the posterior, frame by frame, whatever the size of p.

Source: Graves, Fernández, Gomez and Schmidhuber (2006), Connectionist temporal classification, section 4.1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from likeliest.families.ctc.texts import lengths_of

NEVER = -1e300
"""The log of no probability: finite, so that no difference of two is NaN, and lost beside any other."""

_Add = Callable[[Tensor, Tensor], Tensor]
_State = tuple[Tensor, Tensor]
"""Blanks and labels, each (U + 1, N); label i stands in row i + 1, beside the blank after it, and row 0 is none."""


def log_prob(lp: Tensor, y: Tensor) -> Tensor:
    """Return log p of each text by the forward recursion; autograd can differentiate it, twice too.

    Args:
        lp: (N, T, K) log-probabilities of each frame's columns, in double precision, none below `NEVER`.
        y: (N, U) labels, filled up with 0.

    Returns:
        (N,), about `NEVER` or below where no alignment has a probability.
    """
    blank, label = _emissions(lp, y)
    (last,) = deque(_sweep(blank, label, y.T, y.new_zeros(len(y)), _log_add), maxlen=1)
    return _at_the_end(last, lengths_of(y), _log_add)


def log_prob_and_posteriors(lp: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p of each text (N,), and how probable each column is in each frame given the text (N, T, K).

    Args and what comes for a text without a probability: as for `log_prob`. Posteriors of each frame sum to 1.
    """
    n, u = y.shape
    both, texts = torch.cat((lp, lp.flip(1))), torch.cat((y, y.flip(1)))
    lengths = lengths_of(y)
    blank, label = _emissions(both, texts)
    sweep = _sweep(blank, label, texts.T, torch.cat((torch.zeros_like(lengths), u - lengths)))
    blanks, labels = map(torch.stack, zip(*sweep, strict=True))
    total = _at_the_end((blanks[-1, :, :n], labels[-1, :, :n]), lengths)
    met = _met(blanks, n) - blank[:, None, :n], _met(labels[:, 1:], n) - label[..., :n]
    return total, _by_column(torch.cat(met, 1).softmax(1), y, lp.shape[-1])


def _emissions(lp: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the blank (T, N) and of each label (T, U, N) in each frame."""
    frames = lp.permute(1, 2, 0)
    index = y.T.expand(len(frames), -1, -1)
    return frames[:, 0].contiguous(), frames.gather(1, index)


def _sweep(blank: Tensor, label: Tensor, y: Tensor, start: Tensor, add: _Add = torch.logaddexp) -> Iterator[_State]:
    """Yield the states of each frame: log-probabilities of all ways that lead there, this frame included.

    Args:
        blank: (T, N), from `_emissions`.
        label: (T, U, N), from there too.
        y: (U, N) labels.
        start: (N,) at which blank a walk begins, or at the label after it.
        add: a and b to log(e^a + e^b).
    """
    u, n = y.shape
    differs = torch.ones_like(y, dtype=torch.bool)
    differs[1:] = y[1:] != y[:-1]
    places = torch.arange(u + 1, device=y.device)[:, None]
    begins = blank.new_full((u + 1, n), NEVER).masked_fill_(places == start, 0.0)
    none = begins.new_full((1, n), NEVER)
    state = begins + blank[0], torch.cat((none, begins[:u] + label[0]))
    yield state
    for own_blank, own_label in zip(blank[1:], label[1:], strict=True):
        blanks, labels = state
        either = add(blanks, labels)
        entering = torch.where(differs, either[:u], blanks[:u])
        state = either + own_blank, torch.cat((none, add(labels[1:], entering) + own_label))
        yield state


def _log_add(a: Tensor, b: Tensor) -> Tensor:
    """Return log(e^a + e^b); its second derivative is right at ties and at any distance, where torch's own is NaN."""
    above = a >= b
    top = torch.where(above, a, b)
    return top - torch.nn.functional.logsigmoid(top - torch.where(above, b, a))


def _at_the_end(state: _State, lengths: Tensor, add: _Add = torch.logaddexp) -> Tensor:
    """Log p: an alignment ends in the last label or in the blank after it."""
    blanks, labels = (part.gather(0, lengths[None])[0] for part in state)
    return add(blanks, labels)


def _met(ways: Tensor, n: int) -> Tensor:
    """Forward plus backward, whose frames and places are reversed: (T, places, 2n) → (T, places, n)."""
    return ways[..., :n] + ways[..., n:].flip(0, 1)


def _by_column(through: Tensor, y: Tensor, columns: int) -> Tensor:
    """Add up the probabilities of places (T, 2U + 1, N), blanks first, by what they emit: (N, T, K)."""
    u = y.shape[-1]
    hot = torch.nn.functional.one_hot(y, columns).to(through.dtype)
    posteriors = torch.bmm(through[:, u + 1 :].permute(2, 0, 1), hot)
    posteriors[..., 0] = through[:, : u + 1].sum(1).T
    return posteriors
