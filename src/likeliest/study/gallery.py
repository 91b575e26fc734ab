"""What only a study of pictures can show: weights as pictures, surprises, what the net looks at, labels to doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from likeliest.data.images import FlatPixels, ImageEncoder
from likeliest.randomness import stream
from likeliest.study.application import most_surprising
from likeliest.study.candidate import Candidate
from likeliest.study.ground import Ground
from likeliest.study.occlusion import falls, patch_side
from likeliest.study.said import Said
from likeliest.tasks.shots import overlaid, png, signed, tail

if TYPE_CHECKING:
    from likeliest.report.schema import Look, PicturePages, Shot, Suspects

CLASSES = 20
LOOKS = 8
SUSPECTS = 12
LIMIT = 1e-3
"""A label with a smaller probability is a suspect."""
_QUANTILE = 0.995


def picture_pages(ground: Ground, candidates: list[Candidate], chosen: Candidate) -> PicturePages:
    """The pages of the recommended model; what the net looks at is asked of the net, whichever is recommended."""
    linear, net = (next(c for c in candidates if c.name == name) for name in ("linear", "net"))
    said = ground.said(chosen.model, ground.split.test)
    return {
        "weights": _weights(linear),
        "surprises": [_shot(ground, ground.split.test[i], said, i) for i in most_surprising(said)],
        "looks": _looks(ground, net),
        "patch": patch_side(_images(ground).shape),
        "suspects": _suspects(ground, chosen),
    }


def _images(ground: Ground) -> ImageEncoder:
    encoder = ground.net_encoder
    assert isinstance(encoder, ImageEncoder)
    return encoder


def _weights(linear: Candidate) -> list[Shot]:
    """The weights of each class as colours; classes share nothing of their scale."""
    model, encoder = linear.model, linear.model.encoder
    assert isinstance(encoder, FlatPixels)
    part = model.predictor.parts["weight"]
    weights = model.theta[part.slice].view(part.shape).numpy()
    weights = weights - weights.mean(1, keepdims=True)  # one number added to all classes changes nothing
    shots: list[Shot] = []
    for k, name in enumerate((model.target.classes or ())[:CLASSES]):
        own = weights[:, k].reshape(encoder.shape).sum(2)
        shots.append({"png": png(signed(own, float(np.quantile(np.abs(own), _QUANTILE)))), "lines": [str(name)]})
    return shots


def _shot(ground: Ground, row: np.int64, said: Said, i: np.int64, *, named: bool = False) -> Shot:
    """A picture with its class, and what a model says of it."""
    classes, p = ground.examples.target.classes or (), said.probabilities
    assert p is not None
    guess = int(said.predicted[i])
    lines = [
        str(classes[int(said.y[i])]),
        f"said {classes[guess]}",
        f"{p[i, guess]:.2f}, own {_small(p[i, said.y[i]])}",
    ]
    lines += [tail(ground.examples.raw.names[int(row)])] if named else []
    return {"png": png(ground.net_x[row]), "lines": lines}


def _small(p: float) -> str:
    return f"{p:.2f}" if p >= 0.1 else f"{p:.1g}"


def _looks(ground: Ground, net: Candidate) -> list[Look]:
    """Test pictures named rightly and wrongly, of as many classes as may be, with the map of each."""
    said, classes = ground.said(net.model, ground.split.test), ground.examples.target.classes or ()
    x = ground.net_x[ground.split.test]
    looks: list[Look] = []
    for i in varied(said, ground.plan.seed, LOOKS):
        guess = int(said.predicted[i])
        fall = falls(net.model, x[i], guess)
        limit = float(np.abs(fall).max())
        looks.append(
            {
                "picture": {"png": png(x[i]), "lines": [str(classes[int(said.y[i])]), _named(said, i, classes)]},
                "map": {
                    "png": png(overlaid(x[i], -fall, limit)),
                    "lines": ["", f"log p {fall.min():.2g}"],
                },
                "lowest": float(fall.min()),
            }
        )
    return looks


def _named(said: Said, i: int, classes: tuple[Any, ...]) -> str:
    assert said.probabilities is not None
    guess = int(said.predicted[i])
    return f"said {classes[guess]} {said.probabilities[i, guess]:.2f}"


def varied(said: Said, seed: int, count: int) -> list[int]:
    """Rows in random order, a class at most once in each half: right ones first, then wrong ones."""
    order = stream(seed, "looks").permutation(len(said.y))
    found: list[int] = []
    for right in (True, False):
        half: dict[int, int] = {}
        for i in order[said.right[order] == right].tolist():
            half.setdefault(int(said.y[i]), i)
        found += list(half.values())[: count // 2]
    return found


def _suspects(ground: Ground, chosen: Candidate) -> Suspects:
    """Held-out rows whose label is all but impossible to the model, the least probable first."""
    parts = [(rows, ground.said(chosen.model, rows)) for rows in (ground.split.validation, ground.split.test)]
    found = [(float(said.log_prob[i]), int(row), said, i) for rows, said in parts for i, row in enumerate(rows)]
    doubted = sorted((one for one in found if one[0] < np.log(LIMIT)), key=lambda one: one[:2])
    return {
        "limit": LIMIT,
        "count": len(doubted),
        "rows": len(found),
        "examples": [
            _shot(ground, np.int64(row), said, np.int64(i), named=True) for _, row, said, i in doubted[:SUSPECTS]
        ],
    }
