"""The recipe of a net for single words: how it is trained, and on which augmentations."""

from __future__ import annotations

from typing import Any

from likeliest.augment import Chain, Mixup, Tempos, for_speech
from likeliest.data.sounds import SoundEncoder
from likeliest.predictors import SoundNet, preferred_compute
from likeliest.rules import rule
from likeliest.rules.schedules import OneCycle
from likeliest.tasks.recipe import BACKWARD, SHARE, Recipe

SPEED = 1.2e11
"""Operations a second that a budget is reckoned with, in bfloat16."""
PER_SAMPLE = 6.6e3
"""Operations that take as long as augmenting a sample of sound and making features of it."""
TWICE = 7 / 3
"""A net learns twice: from training rows, and then from them and the validation rows, a third as many."""
WIDTHS = ((24, 48, 96), (16, 32, 64), (8, 16, 32))
"""Channels of the stages, from wide to narrow."""
FEATURES = {"floor": 3e-4, "normalise": "bin_mean"}
"""Some 60 dB below a clip's loudest bin: silence then looks as the faintest noise does that a net is trained on.

The mean of each bin goes, for it is the microphone's and the room's more than the word's. Texts are heard so too.
"""
LEAST_PASSES, MOST_PASSES = 6.0, 30.0
"""A net that can make fewer passes is too wide for the budget; more gain nothing."""
BATCH = 64
LEARNING_RATE, DECAY, RISE = 4e-3, 0.02, 0.3
"""Of AdamW, its peak under one cycle, and its decay."""
MIXUP = 0.3
CALIBRATORS = ("none", "temperature")
"""One number at most: a curve for each word would fit the voices of the few speakers that it is chosen by."""
TEMPOS = Tempos(1.15)
MASKING = {"frames": 10, "bins": 6}


def recipe_for(encoder: SoundEncoder, rows: int, outputs: int, minutes: float, device: str = "cpu") -> Recipe:
    """The recipe for a net on so many training clips."""
    assert encoder.samples is not None
    samples, seconds = encoder.samples, SHARE * 60 * minutes / TWICE
    net = _net(encoder, samples, outputs, rows, seconds, device)
    passes = round(max(min(_affordable(net, samples, rows, seconds), MOST_PASSES), 0.1), 2)
    chain = Chain((*for_speech(encoder.rate).parts, Mixup(MIXUP, classes=outputs)))
    described = (
        ("net", f"convolutional, {', '.join(map(str, net.settings['channels']))} channels, {net.size:,} parameters"),
        ("sees", f"{net.settings['bins']} mel bins, a frame each 10 ms"),
        ("precision", f"{net.compute or 'float32'} products, float32 weights"),
        ("rule", f"AdamW, one cycle up to a learning rate of {LEARNING_RATE:g} and down, weight decay {DECAY:g}"),
        ("batches", f"{BATCH} rows"),
        ("passes", f"{passes:g}; then as many again, with the validation rows"),
        ("augmentation", f"{', '.join(part.name.replace('_', ' ') for part in chain.parts)}, masks in time and mel"),
        ("prediction", f"mean of {TEMPOS.count} views: as it is, and {TEMPOS.factor:g} times slower and faster"),
    )
    adamw = rule("adamw", lr=OneCycle(LEARNING_RATE, rise=RISE), beta1=0.9, beta2=0.99, weight_decay=DECAY)
    name = "convolutional net on spectrograms"
    return Recipe(
        name, "mean spectra", net, adamw, BATCH, passes, chain, None, TEMPOS, described, CALIBRATORS, relearn=True
    )


def _net(encoder: SoundEncoder, samples: int, outputs: int, rows: int, seconds: float, device: str) -> SoundNet:
    """The first of the widths that can make the least number of passes."""
    how: dict[str, Any] = {"features": FEATURES, "masking": MASKING, "compute": preferred_compute(device=device)}
    for channels in WIDTHS:
        net = SoundNet(encoder.rate, samples, outputs, channels=channels, **how)
        if _affordable(net, samples, rows, seconds) >= LEAST_PASSES:
            break
    return net


def _affordable(net: SoundNet, samples: int, rows: int, seconds: float) -> float:
    """Passes over so many rows."""
    return seconds * SPEED / ((BACKWARD * net.flops + PER_SAMPLE * samples) * rows)
