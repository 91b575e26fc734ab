"""The recipe of a net for texts: how it is trained, and on which augmentations."""

from __future__ import annotations

from likeliest.augment import Chain
from likeliest.augment.sounds import Gain, Noise, Room, Speed, Tilt
from likeliest.data.sounds import SoundEncoder
from likeliest.predictors import SpeechNet, preferred_compute
from likeliest.rules import rule
from likeliest.rules.schedules import OneCycle
from likeliest.speech.alphabet import Unit
from likeliest.tasks.recipe import BACKWARD, SHARE, Recipe

HOP = 0.010
"""Seconds from one frame of the features to the next."""
STRIDES: dict[Unit, int] = {"word": 4, "character": 2}
"""Frames of the features for one of η: a character may be said in two of them."""
SPEED = 1.2e11
"""Operations a second that a budget is reckoned with, in bfloat16."""
PER_SAMPLE = 6.6e3
"""Operations that take as long as augmenting a sample of sound and making features of it."""
WIDTHS = ((16, 32, 64), (8, 16, 32))
"""Channels of the stages, from wide to narrow."""
LEAST_PASSES, MOST_PASSES = 6.0, 30.0
"""A net that can make fewer passes is too wide for the budget; more gain nothing."""
BATCH = 16
WIDTH, BLOCKS, WINDOW, DROPOUT = 96, 4, 9, 0.1
LEARNING_RATE, DECAY, RISE = 4e-3, 0.02, 0.3
"""Of AdamW, its peak under one cycle, and its decay."""
TEMPO = (0.8, 1.25)
MASKING = {"frames": 15, "times": 2, "bins": 6}


def step_of(unit: Unit) -> float:
    """Return the seconds from one frame of η to the next."""
    return HOP * STRIDES[unit]


def recipe_for(
    encoder: SoundEncoder, rows: int, sound: float, outputs: int, unit: Unit, minutes: float, device: str = "cpu"
) -> Recipe:
    """The recipe for a net on so many training recordings, ``sound`` seconds long together."""
    seconds = SHARE * 60 * minutes
    net = _net(encoder, sound, outputs, unit, seconds, device)
    passes = round(max(min(_affordable(net, sound, seconds), MOST_PASSES), 0.1), 2)
    parts = (Speed(TEMPO, keep=False), Tilt(), Room(encoder.rate), Noise(), Gain())
    described = (
        ("net", f"convolutional, {', '.join(map(str, net.settings['channels']))} channels, {net.size:,} parameters"),
        (
            "sees",
            f"{net.settings['bins']} mel bins, a frame each 10 ms; says a {unit} or none each {step_of(unit):g} s",
        ),
        ("precision", f"{net.compute or 'float32'} products, float32 weights"),
        ("rule", f"AdamW, one cycle up to a learning rate of {LEARNING_RATE:g} and down, weight decay {DECAY:g}"),
        ("batches", f"{BATCH} rows"),
        ("passes", f"{passes:g}"),
        ("augmentation", f"{', '.join(part.name.replace('_', ' ') for part in parts)}, masks in time and mel"),
    )
    adamw = rule("adamw", lr=OneCycle(LEARNING_RATE, rise=RISE), beta1=0.9, beta2=0.99, weight_decay=DECAY)
    name, length = "convolutional net on spectrograms", sound / max(rows, 1)
    return Recipe(
        name, "log-mel frames", net, adamw, BATCH, passes, Chain(parts), None, None, described, nominal=length
    )


def _net(encoder: SoundEncoder, sound: float, outputs: int, unit: Unit, seconds: float, device: str) -> SpeechNet:
    """The first of the widths that can make the least number of passes."""
    compute = preferred_compute(device=device)
    for channels in WIDTHS:
        net = SpeechNet(
            encoder.rate,
            outputs,
            width=WIDTH,
            blocks=BLOCKS,
            size=WINDOW,
            stride=STRIDES[unit],
            channels=channels,
            dropout=DROPOUT,
            masking=MASKING,
            compute=compute,
        )
        if _affordable(net, sound, seconds) >= LEAST_PASSES:
            break
    return net


def _affordable(net: SpeechNet, sound: float, seconds: float) -> float:
    """Passes over so many seconds of sound that so many seconds of work are worth."""
    return seconds * SPEED / ((BACKWARD * net.flops + PER_SAMPLE * net.rate) * max(sound, 1e-3))
