"""How probable chosen texts are given the frames, and in which frames the best alignment has their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from likeliest.families.ctc import recursion
from likeliest.families.ctc.align import align
from likeliest.speech.beam import Labels
from likeliest.speech.ngrams import Floats

Spans = list[tuple[int, int]]

_AT_ONCE = 2**22
"""Numbers of all texts' frames that are aligned at once: some tens of megabytes."""


def log_probs(frames: Floats, texts: Sequence[Labels]) -> Floats:
    """Return log p(text | frames), over all alignments, of n texts: (n,).

    Args:
        frames: (T, K) log-probabilities.
        texts: labels 1 … K − 1 of each.
    """
    if not len(frames):
        return np.array([-np.inf if labels else 0.0 for labels in texts])
    lp = torch.from_numpy(np.maximum(frames, recursion.NEVER)).expand(len(texts), -1, -1)
    found = recursion.log_prob(lp, _padded(texts)).numpy()
    return np.where(found < recursion.NEVER / 2, -np.inf, found)


def spans(frames: Floats, texts: Sequence[Labels]) -> list[Spans]:
    """Return the (first frame, frame after the last) of each label of each text, by its most probable alignment.

    Args: as for `log_probs`.
    """
    if not len(frames):
        return [[] for _ in texts]
    eta = torch.from_numpy(frames)
    parts = _padded(texts).split(max(1, _AT_ONCE // frames.size))
    found = torch.cat([align(eta.expand(len(part), -1, -1), part).spans for part in parts]).tolist()
    return [[(start, end) for start, end in at[: len(labels)]] for at, labels in zip(found, texts, strict=True)]


def _padded(texts: Sequence[Labels]) -> Tensor:
    """Return labels (n, U), filled up with 0."""
    longest = max(map(len, texts))
    return torch.tensor([labels + (0,) * (longest - len(labels)) for labels in texts], dtype=torch.int64)
