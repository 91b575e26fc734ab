"""How a net for pictures is trained within a budget of work: values that are chosen before anything is fitted.

Work is counted in floating-point operations: a step costs three forward passes for each row. A budget in minutes is
worth so many operations at a nominal speed, whatever the machine does in that time: the same budget gives the same θ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.augment import Chain, Flip, LabelSmoothing, TestTime, recommend
from likeliest.data.images import ImageEncoder, Pictures
from likeliest.interfaces import Transform
from likeliest.predictors import ResidualNet, preferred_compute
from likeliest.rules import Rule, rule
from likeliest.rules.schedules import OneCycle

SPEED = 3e11
"""Floating-point operations a second that a minute of budget is reckoned with: two cores in bfloat16."""
SHARE = 0.72
"""Of a budget that goes into the steps of the net; the rest is for everything else that a study does."""
BACKWARD = 3
"""Forward passes that a step costs: its own, and two for the gradient."""


@dataclass(frozen=True)
class Recipe:
    """How a net is trained.

    Attributes:
        predictor: the net.
        rule: with its schedule.
        decay: weight decay: l2 of the objective per row.
        batch_size: rows to a step.
        passes: over the training rows.
        transform: augmentation of training batches.
        average: decay of the moving average of θ; None where the last θ is kept.
        views: test-time augmentation; None asks about each picture as it is.
        described: pairs of a word and its value, for the report.
    """

    predictor: ResidualNet
    rule: Rule
    decay: float
    batch_size: int
    passes: float
    transform: Transform | None
    average: float | None
    views: TestTime | None
    described: tuple[tuple[str, str], ...] = ()

    def work(self, rows: int) -> float:
        """Floating-point operations that training on so many rows takes."""
        return BACKWARD * self.predictor.flops * rows * self.passes


BASE = (16, 48, 96)
"""Widths that suit 55,000 pictures of 28 × 28 and 5 to 30 passes; see `SCALES`."""
SCALES = (2.0, 1.5, 1.0, 0.75, 0.5)
"""Of the widths, from wide to narrow."""
PASSES_WIDE, PASSES_BASE, MOST_PASSES = 16.0, 5.0, 60.0
"""Passes that a net wider than `BASE`, or another, must be able to make to be taken; and the most that any makes."""
FEW = 4_000
"""Pictures that are too few for a net wider than `BASE`."""
PEAK, RISE, DECAY, SMOOTHING = 0.2, 0.2, 5e-4, 0.0


def recipe_for(encoder: ImageEncoder, pictures: Pictures, y: NDArray[np.int64], outputs: int, minutes: float) -> Recipe:
    """The recipe for a net on these training pictures."""
    n, work = len(pictures), SHARE * 60 * minutes * SPEED
    net = _net(encoder, outputs, n, work)
    passes = round(max(0.1, min(MOST_PASSES, work / (BACKWARD * net.flops * n))), 2)
    batch = _batch(n)
    suited = recommend(torch.from_numpy(encoder.encode(pictures)), torch.from_numpy(y), outputs, passes=passes)
    views = TestTime(flip=any(isinstance(part, Flip) for part in suited.chain.parts))
    rate = PEAK * batch / 256
    described = (
        ("net", f"residual, channels {', '.join(map(str, net.settings['channels']))}, {net.size:,} parameters"),
        ("precision", f"{net.compute or 'float32'} products, float32 weights"),
        ("rule", f"Nesterov's momentum 0.9, one cycle up to a learning rate of {rate:g} and down"),
        ("batches", f"{batch} rows"),
        ("passes", f"{passes:g}"),
        ("weight decay", f"{DECAY:g} a row"),
        *(("augmentation", reason) for reason in suited.reasons),
        ("label smoothing", f"{SMOOTHING:g}"),
        ("prediction", f"mean of {views.count} views" if views.count > 1 else "of the picture as it is"),
    )
    smoothed = (LabelSmoothing(SMOOTHING, outputs),) if SMOOTHING else ()
    chain = Chain((*suited.chain.parts, *smoothed))
    cycle = rule("nesterov", lr=OneCycle(rate, rise=RISE), momentum=0.9)
    return Recipe(net, cycle, DECAY, batch, passes, chain, None, views if views.count > 1 else None, described)


def _net(encoder: ImageEncoder, outputs: int, n: int, work: float) -> ResidualNet:
    """The widest net that can make enough passes."""
    for scale in SCALES:
        net = ResidualNet(
            encoder.shape,
            outputs,
            channels=[int(width * scale) for width in BASE],
            mean=encoder.mean,
            scale=encoder.scale,
            compute=preferred_compute(),
        )
        enough = PASSES_WIDE if scale > 1 else PASSES_BASE
        if work >= enough * BACKWARD * net.flops * n and (scale <= 1 or n > FEW):
            break
    return net


def _batch(n: int) -> int:
    """A power of two near n/64, from 16 to 256."""
    return int(2 ** min(8, max(4, round(np.log2(n / 64)))))
