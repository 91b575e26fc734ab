"""Certificates of fitted models, on rows that say something and at a cost that a study can bear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from likeliest.certify import Certificate, certify_objective
from likeliest.data.sounds.encoder import clip
from likeliest.families import Family
from likeliest.objective import Objective
from likeliest.predictors import ResidualNet, SoundNet, SpeechNet
from likeliest.randomness import stream
from likeliest.scaling import Scaling
from likeliest.sequences import END, rows_of
from likeliest.study.candidate import Candidate
from likeliest.study.ground import Ground

SIDE, ROWS, LADDERS = 12, 8, 8
"""Pixels of a side, rows, and parts whose ladder of steps is drawn, in the certificate of a convolutional net."""
SECONDS, BINS = 0.12, 16
"""Of sound, and mel bins, in that of a net of sounds."""

UTTERANCES, LONGER = 3, 0.16
"""Rows, and seconds of sound, in that of a net of texts, which needs frames."""
Convolutional: TypeAlias = ResidualNet | SoundNet | SpeechNet
"""Nets whose kernels slide over places, of which fewer will do."""


class Smaller(NamedTuple):
    """A net of the same θ for smaller rows, those rows, and how they were made smaller, in words."""

    net: Convolutional
    x: NDArray[np.float64]
    how: str


def certify(ground: Ground, candidate: Candidate) -> Certificate:
    """The certificate of a model's gradient at its fitted θ, on some training rows; linear models in standard units."""
    model, rows, plan = candidate.model, ground.shown_rows, ground.plan
    x, y = rows_of(ground.x_for(model.encoder), rows), ground.y[rows]
    if isinstance(model.predictor, Convolutional):
        return certify_smaller(model.family, model.predictor, model.theta, x, plan.seed)
    objective, theta = Objective(model.family, model.predictor, x, y), model.theta
    if model.predictor.linear:
        scaling = Scaling.of(objective)
        objective, theta = scaling.apply(objective).replaced(l2=candidate.l2), scaling.from_user(theta)
    most = plan.certificate_rows if model.family.event_dims == 1 else ROWS
    return certify_objective(objective, theta, seed=plan.seed, rows=most)


def certify_smaller(
    family: Family, net: Convolutional, theta: Tensor, x: NDArray[Any], seed: int, order: int = 1
) -> Certificate:
    """The certificate of a convolutional net at θ, on a few of the rows x made smaller.

    The same kernels slide over fewer places, through the same code, and differences of a value need not be taken of
    millions of activations. Labels are drawn at random: a net that knows its rows by heart leaves no error to carry
    back, and so no gradient that could be told from rounding.
    """
    draws = stream(seed, "certified labels")
    labels = draws.integers(net.outputs, size=len(x))
    if isinstance(net, SpeechNet):
        small, labels = _utterances_cut_short(net, x), draws.integers(1, net.outputs, size=(len(x), 2))
    else:
        small = _averaged_down(net, x) if isinstance(net, ResidualNet) else _cut_short(net, x)
    objective = Objective(family, small.net, small.x, labels)
    found = certify_objective(
        objective, theta, seed=seed, rows=UTTERANCES if isinstance(net, SpeechNet) else ROWS, order=order
    )
    message = f"{found.message} Labels were drawn at random, so that there is an error to carry back{small.how}."
    shown = {part.part for part in sorted(found.parts, key=lambda part: -part.worst)[:LADDERS]}
    return replace(found, message=message, curves=tuple(curve for curve in found.curves if curve.part in shown))


def _averaged_down(net: ResidualNet, x: NDArray[Any]) -> Smaller:
    """Pictures (n, H, W, C), each square of so many pixels as one."""
    sides = x.shape[1:3]
    square = -(-min(sides) // SIDE)
    height, width = (side // square for side in sides)
    kept = x[:, : height * square, : width * square].astype(np.float64)
    small = kept.reshape(len(x), height, square, width, square, -1).mean((2, 4))
    how = f", on pictures averaged down to {width} × {height} pixels" if square > 1 else ""
    return Smaller(ResidualNet.from_json({**net.to_json(), "shape": list(small.shape[1:])}), small, how)


def _cut_short(net: SoundNet, x: NDArray[Any]) -> Smaller:
    """Clips (n, S), of each the short stretch with the most energy, heard in fewer bins."""
    samples, bins = min(round(SECONDS * net.rate), x.shape[1]), min(BINS, net.settings["bins"])
    small = np.stack([clip(wave, samples) for wave in x]).astype(np.float64)
    how = f", on {samples / net.rate:g} seconds of sound in {bins} mel bins"
    return Smaller(SoundNet.from_json({**net.to_json(), "samples": samples, "bins": bins}), small, how)


def _utterances_cut_short(net: SpeechNet, x: Any) -> Smaller:
    """Recordings of any length, of each the stretch with the most energy, heard in fewer bins if they are pooled."""
    samples = round(LONGER * net.rate)
    bins = min(BINS, net.settings["bins"]) if net.settings["pooled"] else net.settings["bins"]
    whole = (np.asarray(x[i : i + 1])[0] for i in range(len(x)))
    small = np.stack([clip(wave[wave != END], samples) for wave in whole]).astype(np.float64)
    how = f", on {LONGER:g} seconds of sound in {bins} mel bins"
    return Smaller(SpeechNet.from_json({**net.to_json(), "bins": bins}), small, how)
