"""Bugs in classifiers, in their losses and in batch norm."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812

from .module_layers import batch_norm
from .module_mistakes import (
    F32,
    Remembering,
    activation,
    affine,
    altered,
    batch_norm_by_hand,
    by_hand,
    case,
    forward_difference,
    loss_by_hand,
    one_pass_batch_norm,
    softmax_loss,
)
from .module_scenes import batch_normed, classifier

HEAD = "loss fc2.weight fc2.bias"


def log_of_a_ratio(g, z, y):
    """The chain rule through log(eᶻ/Σeᶻ) as it is written: 0/0 or ∞/∞ where an exponential leaves the range."""
    e = z.exp()
    p = e / e.sum(-1, keepdim=True)
    one_hot = F.one_hot(y, z.shape[-1]).to(z)
    in_p = -one_hot / p / len(y)
    return g * p * (in_p - (p * in_p).sum(-1, keepdim=True)), None


SOFTMAX = (
    case(
        *("label-minus-probability", "softmax", "sign", HEAD, classifier),
        loss=softmax_loss(lambda p, y, n: (y - p) / n),
    ),
    case(
        *("summed-not-averaged", "softmax", "scale", HEAD, classifier),
        loss=softmax_loss(lambda p, y, n: p - y),
        factor=12.0,
        dtype=F32,
    ),
    case(
        *("label-left-out", "softmax", "missing_term", HEAD, classifier),
        loss=softmax_loss(lambda p, y, n: p / n),
    ),
    case(
        *("classes-reversed", "softmax", "permuted", HEAD, classifier),
        loss=softmax_loss(lambda p, y, n: (p - y).flip(1) / n),
    ),
    case(
        *("classes-off-by-one", "softmax", "shifted", HEAD, classifier),
        loss=softmax_loss(lambda p, y, n: (p - y).roll(1, 1) / n),
    ),
    case(
        *("log-of-a-ratio", "softmax", "nonfinite", HEAD, classifier),
        clean={"spread": 200.0},
        loss=by_hand(F.cross_entropy, log_of_a_ratio),
        dtype=F32,
    ),
    case(
        *("step-below-the-round-off-of-the-loss", "softmax", "precision", HEAD, classifier),
        clean={"spread": 30.0},
        loss=loss_by_hand(F.cross_entropy, forward_difference(F.cross_entropy, 1e-5)),
        dtype=F32,
    ),
    case("square-weight", "softmax", "transposed", "fc2.weight", classifier, fc2=affine(weight=lambda g, x: x.T @ g)),
    case(
        *("half-of-the-rows-at-each-call", "softmax", "nondeterministic", HEAD, classifier),
        loss=softmax_loss(lambda p, y, n: (p - y) * 2 * (torch.rand(n, 1) < 0.5) / n),
    ),
    case(
        *("probabilities-of-old-weights", "softmax", "stale", HEAD, classifier),
        loss=Remembering(F.cross_entropy, 0),
        warm=True,
    ),
    case(
        *("sine-of-the-probability", "softmax", "unknown", HEAD, classifier),
        loss=softmax_loss(lambda p, y, n: ((2 * p - 1) ** 3 + torch.sin(40 * p)) / n),
        dtype=F32,
    ),
)

BATCH_NORM = (
    case(
        *("statistics-held-constant", "batch_norm", "missing_term", "norm fc1.weight", batch_normed),
        norm=batch_norm_by_hand(lambda u, z, s: u / s),
    ),
    case(
        *("variance-held-constant", "batch_norm", "missing_term", "norm fc1.weight", batch_normed),
        norm=batch_norm_by_hand(lambda u, z, s: (u - u.mean(0)) / s),
        dtype=F32,
    ),
    case(
        *("gain-averaged-over-the-batch", "batch_norm", "scale", "norm.weight", batch_normed),
        norm=altered(batch_norm, 1, lambda g: g / 8),
        factor=1 / 8,
    ),
    case(
        *("gain-averaged-over-features", "batch_norm", "broadcast", "norm.weight", batch_normed),
        norm=altered(batch_norm, 1, lambda g: g.sum().expand_as(g)),
    ),
    case(
        *("gain-detached", "batch_norm", "zeroed", "norm.weight", batch_normed),
        norm=lambda x, w, b: batch_norm(x, w.detach(), b),
    ),
    case(
        *("shift-subtracted", "batch_norm", "sign", "norm.bias", batch_normed),
        norm=altered(batch_norm, 2, torch.neg),
        dtype=F32,
    ),
    case(
        *("variance-in-one-pass", "batch_norm", "precision", "norm.weight", batch_normed),
        clean={"centre": 3e3},
        norm=by_hand(batch_norm, one_pass_batch_norm),
        dtype=F32,
    ),
    case(
        *("normalised-values-cached", "batch_norm", "stale", "norm.weight", batch_normed),
        norm=Remembering(batch_norm, 0),
        warm=True,
    ),
    case(
        *("activation-forgotten", "batch_norm", "nonlinearity", "act norm.weight norm.bias", batch_normed),
        act=activation(torch.tanh, torch.ones_like),
    ),
)

CASES = (*SOFTMAX, *BATCH_NORM)
