"""Linear recursions in time and their adjoints: a series in, a series out, without a Python loop over its steps.

Series are tensors (…, n) whose last axis is time. What stands at time t depends on times up to t alone, bit for bit.
"""

from __future__ import annotations

import numpy as np
import scipy
import torch
from torch import Tensor
from torch.nn.functional import pad


def linear_filter(u: Tensor, feedback: Tensor) -> Tensor:
    """Return h with h_t = u_t + Σ_j b_j h_{t−j}, j = 1 … q, and h = 0 before the first.

    Args:
        u: (…, n), or (R, …, n) for R runs.
        feedback: b (q,), or (R, q), one for each run.

    Example:
        >>> linear_filter(torch.tensor([1.0, 0.0, 0.0, 2.0]), torch.tensor([0.5])).tolist()
        [1.0, 0.5, 0.25, 2.125]
    """
    if not feedback.shape[-1]:
        return u
    inner, b = u.numpy(force=True), feedback.numpy(force=True)
    denominator = np.concatenate((np.ones_like(b[..., :1]), -b), -1).astype(inner.dtype)
    if feedback.ndim == 1:
        return torch.from_numpy(scipy.signal.lfilter(denominator[:1], denominator, inner)).to(u.device)
    filtered = np.empty_like(inner)
    for run, own in enumerate(denominator):
        filtered[run] = scipy.signal.lfilter(own[:1], own, inner[run])
    return torch.from_numpy(filtered).to(u.device)


def adjoint_filter(u: Tensor, feedback: Tensor) -> Tensor:
    """Return a with a_t = u_t + Σ_j b_j a_{t+j}: the transpose of `linear_filter`, which runs backwards in time.

    Example:
        >>> adjoint_filter(torch.tensor([1.0, 0.0, 0.0, 2.0]), torch.tensor([0.5])).tolist()
        [1.25, 0.5, 1.0, 2.0]
    """
    return linear_filter(u.flip(-1), feedback).flip(-1) if feedback.shape[-1] else u


def lagged_mean(values: Tensor, lag: int, window: int, before: float | Tensor) -> Tensor:
    """Return the mean of v_{t−lag}, …, v_{t−lag−window+1} at each t; before the first, v is ``before``, (…, 1).

    Example:
        >>> lagged_mean(torch.tensor([1.0, 2.0, 3.0, 4.0]), 1, 2, 9.0).tolist()
        [9.0, 5.0, 1.5, 2.5]
    """
    n, lead = values.shape[-1], lag + window - 1
    padded = values.new_empty(*values.shape[:-1], n + window - 1)
    padded[..., :lead] = before
    padded[..., lead:] = values[..., : max(n - lag, 0)]
    return padded if window == 1 else padded.unfold(-1, window, 1).mean(-1)


def adjoint_lagged_mean(values: Tensor, lag: int, window: int) -> Tensor:
    """Return the mean of v_{t+lag}, …, v_{t+lag+window−1}: the transpose of `lagged_mean`, 0 before the first.

    Example:
        >>> adjoint_lagged_mean(torch.tensor([1.0, 2.0, 3.0, 4.0]), 1, 2).tolist()
        [2.5, 3.5, 2.0, 0.0]
    """
    padded = pad(values[..., lag:], (0, lag + window - 1))[..., : values.shape[-1] + window - 1]
    return padded if window == 1 else padded.unfold(-1, window, 1).mean(-1)
