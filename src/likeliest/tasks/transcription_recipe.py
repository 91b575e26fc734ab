"""The recipe of a net for texts: how it is trained, and on which augmentations."""

from __future__ import annotations

from likeliest.augment import Chain
from likeliest.augment.sounds import Gain, Noise, Pitch, Room, Speed, Tilt
from likeliest.data.sounds import SoundEncoder
from likeliest.predictors import SpeechNet, preferred_compute
from likeliest.rules import rule
from likeliest.rules.schedules import OneCycle
from likeliest.speech.alphabet import Unit
from likeliest.tasks.recipe import BACKWARD, SHARE, Recipe
from likeliest.tasks.sound_recipe import FEATURES, TWICE

HOP = 0.010
"""Seconds from one frame of the features to the next."""
STRIDES: dict[Unit, int] = {"word": 4, "character": 2}
"""Frames of the features for one of η: a character may be said in two of them."""
SPEED = 6.5e10
"""Operations a second that a budget is reckoned with, in bfloat16: about half of what clips of one length reach."""
PER_SAMPLE = 5e3
"""Operations that take as long as augmenting a sample of sound and making features of it."""
SIZES = (((16, 32, 64), 96, 4), ((8, 16, 32), 64, 3), ((8, 16), 32, 1))
"""Channels of the stages, width and number of the blocks, from large to small."""
LEAST_PASSES = 5.0
"""A net that can make fewer passes is too large for the budget."""
MOST_PASSES: dict[Unit, float] = {"word": 10.0, "character": 20.0}
"""With more it learns the voices that it hears by heart, and strangers are understood less well."""
BATCH = 16
WINDOW, DROPOUT = 9, 0.2
LEARNING_RATE, DECAY, RISE = 4e-3, 0.02, 0.3
"""Of AdamW, its peak under one cycle, and its decay."""
TEMPO, TRACT = (0.73, 1.37), (0.92, 1.09)
"""Factors of tempo and pitch together, and of pitch alone: other speakers, which is what a few of them do not teach."""
MASKING = {"frames": 15, "times": 2, "bins": 6}


def step_of(unit: Unit) -> float:
    """Return the seconds from one frame of η to the next."""
    return HOP * STRIDES[unit]


def recipe_for(
    encoder: SoundEncoder, rows: int, sound: float, outputs: int, unit: Unit, minutes: float, device: str = "cpu"
) -> Recipe:
    """The recipe for a net on so many training recordings, ``sound`` seconds long together."""
    seconds = SHARE * 60 * minutes / TWICE
    net = _net(encoder, sound, outputs, unit, seconds, device)
    passes = round(max(min(_affordable(net, sound, seconds), MOST_PASSES[unit]), 0.1), 2)
    parts = (Speed(TEMPO, keep=False), Pitch(encoder.rate // 50, TRACT), Tilt(), Room(encoder.rate), Noise(), Gain())
    described = (
        ("net", f"convolutional, {', '.join(map(str, net.settings['channels']))} channels, {net.size:,} parameters"),
        (
            "sees",
            f"{net.settings['bins']} mel bins, a frame each 10 ms; says a {unit} or none each {step_of(unit):g} s",
        ),
        ("precision", f"{net.compute or 'float32'} products, float32 weights"),
        ("rule", f"AdamW, one cycle up to a learning rate of {LEARNING_RATE:g} and down, weight decay {DECAY:g}"),
        ("batches", f"{BATCH} rows"),
        ("passes", f"{passes:g}; then as many again, with the validation rows"),
        ("augmentation", f"{', '.join(part.name.replace('_', ' ') for part in parts)}, masks in time and mel"),
    )
    adamw = rule("adamw", lr=OneCycle(LEARNING_RATE, rise=RISE), beta1=0.9, beta2=0.99, weight_decay=DECAY)
    return Recipe(
        "convolutional net on spectrograms",
        "log-mel frames",
        net,
        adamw,
        BATCH,
        passes,
        Chain(parts),
        None,
        None,
        described,
        relearn=True,
        nominal=sound / max(rows, 1),
    )


def _net(encoder: SoundEncoder, sound: float, outputs: int, unit: Unit, seconds: float, device: str) -> SpeechNet:
    """The first of the sizes that can make the least number of passes."""
    compute = preferred_compute(device=device)
    for channels, width, blocks in SIZES:
        net = SpeechNet(
            encoder.rate,
            outputs,
            width=width,
            blocks=blocks,
            size=WINDOW,
            stride=STRIDES[unit],
            channels=channels,
            dropout=DROPOUT,
            features=FEATURES,
            masking=MASKING,
            compute=compute,
        )
        if _affordable(net, sound, seconds) >= LEAST_PASSES:
            break
    return net


def _affordable(net: SpeechNet, sound: float, seconds: float) -> float:
    """Passes over so many seconds of sound that so many seconds of work are worth."""
    return seconds * SPEED / ((BACKWARD * net.flops + PER_SAMPLE * net.rate) * max(sound, 1e-3))
