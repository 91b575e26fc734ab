"""The recipe of a net for pictures: how wide it is, how it is trained, and on which augmentations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.augment import Augmentation, Chain, Flip, Shift, TestTime, recommend
from likeliest.data.images import ImageEncoder, Pictures
from likeliest.predictors import ResidualNet, preferred_compute
from likeliest.rules import rule
from likeliest.rules.schedules import OneCycle
from likeliest.tasks.recipe import BACKWARD, SHARE, Recipe

SPEEDS = {4: 6.2e10, 8: 1.22e11, 16: 2.06e11, 32: 2.4e11}
"""Operations a second that a budget is reckoned with, by the width of the stem, as measured on two cores in bfloat16:
narrow nets spend more of their time beside the convolutions."""

MANY = 20_000
"""From so many rows on the net is as wide as the budget allows, and has three stages."""
FEW_ROWS = (16, 48, 96)
"""Widths for fewer rows: wider nets gain nothing there, narrower ones lose."""
MOST_PASSES = ((500, 100.0), (3_000, 60.0), (MANY, 50.0))
"""(rows, passes): with fewer rows than these, at most so many passes; more only spoil the likelihood."""
LEARNING_RATE, DECAY, RISE, START = 7e-3, 0.1, 0.2, 0.04
"""Of AdamW, its peak under one cycle, and its decay; all four are the same for any number of rows."""
LEAST_PASSES = 3.0
"""A net that can make fewer is too wide for the budget."""
SHORT = 8.0
"""With fewer passes batches are smaller, and pictures are shifted by half as much."""
SEVERAL_VIEWS = 5.0
"""From so many minutes on predictions look at shifted pictures too."""


def recipe_for(
    encoder: ImageEncoder, pictures: Pictures, y: NDArray[np.int64], outputs: int, minutes: float, device: str = "cpu"
) -> Recipe:
    """The recipe for a net on these training pictures.

    Widths, passes, batches and rates were searched for on validation rows of Fashion-MNIST, from 200 to 55,000 rows and
    from 45 seconds to 45 minutes; one rule covers what was found.
    """
    n, seconds = len(pictures), SHARE * 60 * minutes
    net = _net(encoder, outputs, n, seconds, device)
    passes = _passes(net, n, seconds)
    batch = _batch(n, passes)
    suited = recommend(torch.from_numpy(encoder.encode(pictures)), torch.from_numpy(y), outputs, passes=passes)
    parts = tuple(_gentle(part) if passes < SHORT else part for part in suited.chain.parts)
    views = _views(parts, minutes)
    described = (
        ("net", f"residual, {', '.join(map(str, net.settings['channels']))} channels, {net.size:,} parameters"),
        ("precision", f"{net.compute or 'float32'} products, float32 weights"),
        ("rule", f"AdamW, one cycle up to a learning rate of {LEARNING_RATE:g} and down, weight decay {DECAY:g}"),
        ("batches", f"{batch} rows"),
        ("passes", f"{passes:g}"),
        *(("augmentation", reason) for reason in suited.reasons),
        ("prediction", f"mean of {views.count} views" if views.count > 1 else "of the picture as it is"),
    )
    cycle = OneCycle(LEARNING_RATE, rise=RISE, start=START)
    adamw = rule("adamw", lr=cycle, beta1=0.9, beta2=0.99, weight_decay=DECAY)
    chain = Chain(parts) if parts else None
    kept = views if views.count > 1 else None
    return Recipe("residual net", "pixels", net, adamw, batch, passes, chain, None, kept, described)


def _net(encoder: ImageEncoder, outputs: int, n: int, seconds: float, device: str) -> ResidualNet:
    """The first of the widths that can make the least number of passes."""
    how: dict[str, Any] = {"mean": encoder.mean, "scale": encoder.scale, "compute": preferred_compute(device=device)}
    for channels in _widths(n, seconds):
        net = ResidualNet(encoder.shape, outputs, channels=channels, **how)
        if _affordable(net, n, seconds) >= LEAST_PASSES:
            break
    return net


def _widths(n: int, seconds: float) -> list[tuple[int, ...]]:
    """Widths by rows and budget, from wide to narrow: with many rows (w, 2w, 4w, 8w)."""
    if n < MANY:
        return [tuple(width // share for width in FEW_ROWS) for share in (1, 2, 4)]
    work = seconds * SPEEDS[16]
    first = [w for w, least in ((32, 4e14), (16, 1.5e13), (8, 0.0)) if work >= least]
    return [(w, 2 * w, 4 * w, 8 * w) for w in first]


def _affordable(net: ResidualNet, n: int, seconds: float) -> float:
    return seconds * SPEEDS[net.settings["channels"][0]] / (BACKWARD * net.flops * n)


def _passes(net: ResidualNet, n: int, seconds: float) -> float:
    affordable = _affordable(net, n, seconds)
    most = next((passes for rows, passes in MOST_PASSES if n < rows), affordable)
    return round(max(min(affordable, most), 0.1), 2)


def _batch(n: int, passes: float) -> int:
    if n < 3_000:
        return 32 if n < 500 else 64
    return 128 if n < MANY or passes < SHORT else 256


def _gentle(part: Augmentation) -> Augmentation:
    return replace(part, pixels=max(1, part.pixels // 2)) if isinstance(part, Shift) else part


def _views(parts: Sequence[Augmentation], minutes: float) -> TestTime:
    """Mirror images where the net was trained on them; shifts by a pixel where there is time to look again."""
    shift = next((part for part in parts if isinstance(part, Shift)), None)
    mirrored = any(isinstance(part, Flip) for part in parts)
    if shift is None or minutes < SEVERAL_VIEWS:
        return TestTime(flip=mirrored)
    return TestTime(flip=mirrored, shifts=1, pad=shift.pad)
