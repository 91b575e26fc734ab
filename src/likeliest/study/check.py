"""The verb `check`: the certificate of a user's own gradient, or of a model file's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeliest.certify import Certificate, certify_objective, check_gradient
from likeliest.data.prices import read_prices
from likeliest.errors import SpecificationError
from likeliest.finance.days import Days
from likeliest.finance.encoder import PriceEncoder
from likeliest.finance.lookahead import LookAhead
from likeliest.model import Model
from likeliest.objective import Objective
from likeliest.predictors import ResidualNet, SpeechNet
from likeliest.randomness import stream
from likeliest.scaling import Scaling
from likeliest.sequences import rows_of
from likeliest.study.certifying import ROWS, Convolutional, certify_smaller
from likeliest.study.prices import are_prices, check_features
from likeliest.study.prices.single import as_fitted, inside, learnt
from likeliest.study.single import labelled
from likeliest.study.subject import naming, subject
from likeliest.tasks import Source

DRAWN_ROWS = 256
LOUD = 8_000
"""Samples of noise are below this."""
FRAMES = 12
"""Of a sequence."""
_SMALLER = 8


def check(what: str, data: Source | None = None, *, seed: int = 0, order: int = 1) -> Certificate | LookAhead:
    """Certify the gradient that ``FILE.py:NAME`` stands for, or a model file's; or test whether features look ahead.

    Args:
        what: ``FILE.py:NAME``, see `likeliest.study.subject`; or the path of a model file.
        data: rows for the model, with its target; without them inputs are drawn at random, and targets from the model.
            Prices beside ``FILE.py:NAME``: a function of their table of days, whose values may not look ahead.
        seed: names everything that is drawn.
        order: 2 certifies second-order products too.

    Raises:
        CodeError: the file has no such name, something beside it is missing, or its own code fails.
        ModelFileError: the model file cannot be read.
        SpecificationError: data beside code.
    """
    file, colon, _ = what.rpartition(":")
    if not colon or not file.endswith(".py"):
        return check_model(Path(what), data, seed=seed, order=order)
    if data is not None and are_prices(data):
        return check_features(what, data)
    if data is not None:
        raise SpecificationError(f"{what} brings its own numbers; leave out the data, {data}, or give prices")
    arguments = subject(what)
    with naming(Path(file)):
        return check_gradient(**{"seed": seed, "order": order, **arguments})


def check_model(path: Path, data: Source | None, *, seed: int, order: int = 1) -> Certificate:
    """Certify a model file's gradient at its θ; linear models on standardised columns."""
    model = Model.load(path)
    if isinstance(model.encoder, PriceEncoder):
        fitted = as_fitted(model)
        return certify_objective(fitted.objective(*_learnt_by(model, data)), inside(fitted), seed=seed, order=order)
    if isinstance(net := model.predictor, Convolutional):
        x = _drawn_rows(net, seed) if data is None else model.encoder.encode(labelled(model, data).raw)
        return certify_smaller(model.family, net, model.theta, x, seed, order)
    objective = _drawn(model, seed) if data is None else _on(model, data)
    theta = model.theta
    if model.predictor.linear:
        scaling = Scaling.of(objective)
        objective, theta = scaling.apply(objective), scaling.from_user(theta)
    return certify_objective(objective, theta, seed=seed, order=order)


def _learnt_by(model: Model, data: Source | None) -> tuple[Days, slice]:
    """The days of a model of prices, or those of other prices after them."""
    assert isinstance(model.encoder, PriceEncoder)
    days = model.encoder.days(None if data is None else read_prices(data))
    return days, learnt(as_fitted(model), days)


def _drawn_rows(net: Convolutional, seed: int) -> NDArray[Any]:
    """Pictures or sounds at random."""
    sides = tuple(net.rate if side is None else side for side in net.shape) if isinstance(net, SpeechNet) else net.shape
    draws, shape = stream(seed, "check"), (DRAWN_ROWS, *cast("tuple[int, ...]", sides))
    if isinstance(net, ResidualNet):
        return draws.integers(256, size=shape).astype(np.uint8)
    return draws.integers(-LOUD, LOUD, size=shape).astype(np.int16)


def _on(model: Model, data: Source) -> Objective:
    examples = labelled(model, data)
    return Objective(
        model.family, model.predictor, rows_of(model.encoder.encode(examples.raw), examples.kept), examples.y
    )


def _drawn(model: Model, seed: int) -> Objective:
    """Inputs at random, as large as they can be for the model to give finite targets, and targets from the model."""
    draws = stream(seed, "check")
    if model.family.event_dims > 1:
        return _of_sequences(model, draws)
    x = torch.from_numpy(draws.standard_normal((DRAWN_ROWS, len(model.encoder.names))))
    for _ in range(_SMALLER):
        try:
            return Objective(model.family, model.predictor, x, _sampled(model, x, seed))
        except ValueError:
            x = x / 8
    raise SpecificationError("the model gives no finite targets near x = 0; pass data with rows that it knows")


def _of_sequences(model: Model, draws: np.random.Generator) -> Objective:
    """A few short sequences at random with two labels each: a text that the model itself draws may be empty."""
    x = draws.standard_normal((ROWS, FRAMES * len(model.encoder.names)))
    assert model.predictor.outputs is not None
    return Objective(model.family, model.predictor, x, draws.integers(1, model.predictor.outputs, size=(ROWS, 2)))


def _sampled(model: Model, x: Tensor, seed: int) -> Tensor:
    with torch.no_grad():
        y = model.family.sample(model.predictor.forward(model.theta, x)[0], stream(seed, "check targets"))
    model.family.check_support(y)
    return y
