"""Where each run of a fit stands: its best θ, how long it has not improved, and whether it is lost."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Standing:
    """The best point of each run by held-out NLL, or its latest finite one where nothing is held out.

    Attributes:
        best: θ, like the one given.
        best_value: (R,) what is measured there.
        stale: (R,) measurements without a new best.
        lost: (R,) whether a measured value was NaN or infinite.
        grad_norm: (R,) largest gradient entry, NaN where it is not known.
    """

    ARRAYS = ("best_value", "stale", "lost", "grad_norm")

    def __init__(self, theta: Tensor, patience: int | None) -> None:
        runs = theta.shape[0] if theta.ndim == 2 else 1
        self.patience = patience
        self.best = theta.clone()
        self.best_value = np.full(runs, np.inf)
        self.stale = np.zeros(runs, dtype=np.int64)
        self.lost = np.zeros(runs, dtype=bool)
        self.grad_norm = np.full(runs, np.nan)

    def note(self, theta: Tensor, value: np.ndarray, held_out: np.ndarray | None) -> None:
        """Take in one measurement, values (R,), at θ."""
        score = value if held_out is None else held_out
        self.lost |= ~np.isfinite(value) | ~np.isfinite(score)
        live = ~self.lost & ~self.plateaued
        better = live if held_out is None else live & (score < self.best_value)
        self.stale = np.where(better, 0, self.stale + live)
        self.best_value = np.where(better, score, self.best_value)
        if theta.ndim == 1:
            if better[0]:
                self.best.copy_(theta)
        else:
            chosen = torch.from_numpy(better).to(theta.device)
            self.best.copy_(torch.where(chosen[:, None], theta, self.best))

    @property
    def plateaued(self) -> np.ndarray:
        """Which runs have not improved for as long as patience allows, (R,)."""
        if self.patience is None:
            return np.zeros(len(self.stale), dtype=bool)
        return self.stale >= self.patience
