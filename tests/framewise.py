"""Sequences at their smallest: recordings cut into frames, a linear map of each, and a class for each."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from likeliest.families import Family
from likeliest.families.categorical import Categorical
from likeliest.families.ctc import collapse
from likeliest.predictors import Predictor
from likeliest.sequences import END, Ragged, end, lengths

HOP, CLASSES = 4, 3
SCALE = 1_000.0


class Framewise(Predictor):
    """η_t = x_t W + b for frames x_t (HOP,) of a recording, in units of 1,000: (…, n, T, K), with ended frames."""

    def __init__(self, outputs: int = CLASSES) -> None:
        self.outputs = outputs
        self._lay_out({"weight": ((HOP, outputs), True), "bias": ((outputs,), False)})

    def forward(self, theta, x, draw=None):
        weight, bias = self.views(theta)
        frames = torch.where(x == END, 0.0, x).unflatten(-1, (-1, HOP)) / SCALE
        eta = frames @ weight.unsqueeze(-3) + bias[..., None, None, :]
        return end(eta, lengths(x) // HOP), frames

    def pullback(self, theta, tape, u, out):
        weight, bias = self.views(out)
        weight.copy_(torch.einsum("nth,...ntk->...hk", tape, u))
        bias.copy_(u.sum((-3, -2)))

    def pushforward(self, theta, tape, v):
        weight, bias = self.views(v)
        return tape @ weight.unsqueeze(-3) + bias[..., None, None, :]

    def to_json(self):
        return {"kind": "framewise"}


class Classes(Family):
    """A class for each of a recording's frames: the product of their categorical distributions; 0 past the end."""

    name = "classes"
    links = ("softmax",)
    columns = None
    event_dims = 2
    has_fisher = False
    discrete = True
    support = "the class of each frame"
    formula = log_prob_formula = mean_formula = score_formula = source = ""
    each = Categorical()

    def check_support(self, y, outputs=None):
        self.each.check_support(y, outputs)

    def log_prob(self, eta, y):
        return self.each.log_prob(eta, y[..., : eta.shape[-2]]).sum(-1)

    def score(self, eta, y):
        return self.each.score(eta, y[..., : eta.shape[-2]])

    def mean(self, eta):
        return self.each.mean(eta)

    def _none(self, *given, **named):
        raise NotImplementedError

    fisher_times = observed_times = sample = null_eta = linear_error = _none


def recordings(n: int, draws: np.random.Generator, longest: int = 6) -> tuple[Ragged, Tensor]:
    """Recordings of 1 to so many frames whose classes can be heard, and the classes (n, longest)."""
    frames = np.append(draws.integers(1, longest + 1, n - 1), longest)
    y = np.where(np.arange(longest) < frames[:, None], draws.integers(0, CLASSES, (n, longest)), 0)
    loud = np.eye(CLASSES, HOP) * 900
    rows = [loud[y[i, :t]].reshape(-1) + draws.normal(0, 700, t * HOP) for i, t in enumerate(frames)]
    return Ragged.of([row.astype(np.int16) for row in rows]), torch.from_numpy(y)


def texts(n: int, draws: np.random.Generator) -> tuple[Ragged, Tensor]:
    """The same recordings, and the texts (n, U) that their classes say with class 0 for the blank."""
    x, y = recordings(n, draws)
    return x, collapse(y)


class Louder:
    """An augmentation on samples, which knows where recordings end."""

    def __call__(self, x, y, weight, draw):
        assert x.dtype == torch.int16
        gain = 1 + 0.2 * torch.sin(draw.rows * 12.9898 + draw.epoch)[:, None]
        return torch.where(x == END, float(END), x * gain), y, weight


def in_frames(x: Ragged, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Every frame of every recording as a row of its own: x (m, HOP) in units, its class (m,), whose it is (m,)."""
    count = x.lengths // HOP
    owner = torch.arange(len(x)).repeat_interleave(count)
    own = torch.cat([x[i : i + 1][0].unflatten(0, (-1, HOP)) for i in range(len(x))])
    return own.double() / SCALE, torch.cat([y[i, :t] for i, t in enumerate(count.tolist())]), owner
