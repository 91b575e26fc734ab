"""Shorter chapters: the probability function over this data's η, the gradient's formula, the provenance."""

from __future__ import annotations

import platform
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest._version import __version__
from likeliest.families import Family
from likeliest.predictors import MLP, Columns, ResidualNet, SoundNet
from likeliest.study.candidate import Candidate, finite
from likeliest.study.ground import Ground
from likeliest.study.said import Said
from likeliest.tasks import Recipe
from likeliest.tasks.recipe import BACKWARD

if TYPE_CHECKING:
    from likeliest.report.schema import Curve, Gradient, Histogram, Probability, Provenance, Training
    from likeliest.report.schema import Family as FamilyJson
    from likeliest.report.schema.probability import GradientFormula

_BINS = 30
_POINTS = 121
_CLASSES_SHOWN = 10
_PACKAGES = ("torch", "numpy", "scipy", "polars")


def family_json(ground: Ground) -> FamilyJson:
    """The probability function in formulas, and why it was chosen."""
    family = ground.family
    return {
        "name": family.name,
        "link": family.link,
        "reason": ground.examples.target.explanation,
        "log_prob": family.log_prob_formula,
        "mean": family.mean_formula,
        "score": f"∂ log p/∂η = {family.score_formula}",
    }


def probability(ground: Ground, candidate: Candidate) -> Probability:
    """The probability function, with the test rows' η under it."""
    said = ground.said(candidate.model, ground.split.test)
    classes = ground.examples.target.classes
    if "log_scale" in (ground.family.columns or ()):
        return _residuals(ground.family, candidate, said.eta, said.y)
    if classes is None:
        x, x_title, y_title = said.eta[:, 0], "η", f"mean {ground.family.mean_formula.split(' = ')[-1]}"
    elif ground.outputs == 1:
        x, x_title, y_title = _log_odds(said), "η (log-odds)", f"P({classes[1]})"
    else:
        x, y_title = said.margin, "its probability"
        x_title = "margin of the true class, η_k − log Σ e^η of the others"
    low, high = _range(x)
    grid = np.linspace(low, high, _POINTS)
    curve = 1 / (1 + np.exp(-grid)) if classes is not None else np.exp(grid)
    return {
        "model": candidate.name,
        "x_title": x_title,
        "y_title": y_title,
        "curves": [{"label": y_title, "x": grid.tolist(), "y": curve.tolist()}],
        "histograms": _histograms(ground, x, said.y, np.linspace(low, high, _BINS + 1)),
        "explanation": _unsure(said) if classes is not None else f"{len(x)} test rows.",
    }


def _residuals(family: Family, candidate: Candidate, eta: NDArray[np.float64], y: NDArray[Any]) -> Probability:
    """The density of what is left, for a family of location and scale; its constants are those of the first row."""
    residual, first = y - eta[:, 0], torch.from_numpy(eta[:1].copy())
    centred = (torch.zeros_like(first[:, 0]), *first[:, 1:].unbind(-1))
    low, high = (float(family.quantile(centred, first.new_tensor(q))) for q in (0.025, 0.975))
    span = max(high - low, float(np.abs(residual).max()))
    grid, edges = np.linspace(-span, span, _POINTS), np.linspace(-span, span, _BINS + 1)
    density = family.log_prob(centred, torch.from_numpy(grid)).exp()
    counts = np.histogram(residual, edges)[0].tolist()
    within = float(((residual >= low) & (residual <= high)).mean())
    curve: Curve = {"label": "density", "x": grid.tolist(), "y": np.asarray(density.nan_to_num(0.0, 0.0)).tolist()}
    return {
        "model": candidate.name,
        "x_title": "residual y − μ",
        "y_title": "density",
        "curves": [curve],
        "histograms": [{"label": "test rows", "edges": edges.tolist(), "counts": counts}],
        "explanation": f"{100 * within:.1f} % of the test rows lie within the central 95 % of this density.",
    }


def _log_odds(said: Said) -> NDArray[np.float64]:
    """η of two classes; the difference of log-probabilities where they are calibrated."""
    odds: NDArray[np.float64] = said.eta[:, 0] if said.eta.shape[1] == 1 else said.eta[:, 1] - said.eta[:, 0]
    return odds


def _range(x: NDArray[np.float64]) -> tuple[float, float]:
    """Wide enough for all but the most extreme hundredth of rows, and for the curve to show its bend."""
    low, high = np.quantile(x, (0.005, 0.995))
    return float(min(low, -4.0)), float(max(high, 4.0))


def _histograms(ground: Ground, x: NDArray[np.float64], y: NDArray[Any], edges: NDArray[np.float64]) -> list[Histogram]:
    clipped = np.minimum(np.maximum(x, edges[0]), edges[-1])
    classes = ground.examples.target.classes
    if classes is None or len(classes) > _CLASSES_SHOWN:
        return [{"label": "test rows", "edges": edges.tolist(), "counts": np.histogram(clipped, edges)[0].tolist()}]
    return [
        {"label": str(c), "edges": edges.tolist(), "counts": np.histogram(clipped[y == k], edges)[0].tolist()}
        for k, c in enumerate(classes)
    ]


def _unsure(said: Said) -> str:
    assert said.probabilities is not None
    unsure = int((said.probabilities.max(1) < 0.9).sum())
    return f"For {unsure} of the {len(said.y)} test rows the likeliest class has a probability below 0.9."


def gradient(ground: Ground, candidates: list[Candidate], rows: int) -> Gradient:
    """The gradient of exactly these models, step by step."""
    return {"formulas": [_formula(ground, c) for c in candidates], "rows": rows}


def _formula(ground: Ground, candidate: Candidate) -> GradientFormula:
    predictor = candidate.model.predictor
    location = next(iter(predictor.components.values())) if isinstance(predictor, Columns) else predictor
    recipe, net = ground.recipe, candidate.name == "net"
    rows = len(ground.split.train if recipe is not None and not (net and recipe.relearn) else ground.learning_rows)
    score = ground.family.score_formula
    error = f"u = ∂ log p/∂η = {score}   ({rows} × {ground.outputs})"
    if isinstance(location, MLP):
        return {"model": candidate.name, "steps": _dense(location, error)}
    if isinstance(location, ResidualNet):
        return {"model": candidate.name, "steps": _convolutional(location, error)}
    if isinstance(location, SoundNet):
        return {"model": candidate.name, "steps": _spectral(location, error)}
    inputs = location.inputs
    penalty = f" + {candidate.l2:g} · s² ⊙ W / n" if candidate.l2 else ""
    said = "   (s: standard deviations of the columns)" if penalty else ""
    if recipe is not None:
        penalty, said = f" + {candidate.l2:g} · W / n", ""
    return {
        "model": candidate.name,
        "steps": [
            f"η = X W + b   (X: {rows} × {inputs}, W: {inputs} × {ground.outputs})",
            error,
            f"∂NLL/∂W = −Xᵀu / n{penalty}{said}",
            "∂NLL/∂b = −Σ u / n",
        ],
    }


def _dense(net: MLP, error: str) -> list[str]:
    last = len(net.sizes) - 1
    activation = f"a_l = {net.activation}(a_(l−1) W_l + b_l),  a_0 = x"
    steps = [f"η = a_{last - 1} W_{last} + b_{last},  {activation}", error]
    for layer in range(last, 0, -1):
        shape = f"{net.sizes[layer - 1]} × {net.sizes[layer]}"
        steps.append(f"∂NLL/∂W_{layer} = −a_{layer - 1}ᵀ u / n   ({shape}),   ∂NLL/∂b_{layer} = −Σ u / n")
        if layer > 1:
            steps.append(f"u ← (u W_{layer}ᵀ) ⊙ [a_{layer - 1} > 0]")
    return steps


def _convolutional(net: ResidualNet, error: str) -> list[str]:
    """From the last layer back to the pixels; K ∗ a slides the kernel K over the channels of a."""
    channels: list[int] = net.settings["channels"]
    height, width, colours = net.shape
    return [
        f"η = a W + b,  a = {net.settings['pool']} over places of the last of {len(channels)} stages",
        "stage: a ← pool(relu(norm(K ∗ a))),  then  a ← a + f(a),  f: twice K ∗, norm, relu;  "
        f"a_0 = {height} × {width} × {colours} pixels",
        error,
        f"∂NLL/∂W = −aᵀ u / n   ({channels[-1]} × {net.outputs}),   ∂NLL/∂b = −Σ u / n;   u ← u Wᵀ, to the place of "
        f"each channel's {net.settings['pool']}",
        "block: u ← u + f′ᵀ u;   relu: u ← u ⊙ [a > 0];   pool: u to where the largest was",
        "norm γ â + β:  ∂NLL/∂γ = −Σ u ⊙ â / n,   ∂NLL/∂β = −Σ u / n;   u ← γ ⊙ u / s   "
        "(under the batch's own mean and s: less their share of u)",
        "kernel:  ∂NLL/∂K = −Σ over places of (a's 3 × 3 patch) ⊗ u / n;   u ← K turned round ∗ u",
        f"kernels: 3 × 3 × {colours} × {channels[0]}, "
        + ", ".join(f"3 × 3 × {a} × {b}" for a, b in pairwise(channels))
        + ", and two of its own width in each block",
    ]


def _spectral(net: SoundNet, error: str) -> list[str]:
    """From the last layer back to the spectrogram; K ∗ a slides the kernel K over the channels of a."""
    channels: list[int] = net.settings["channels"]
    last, bins = channels[-1], net.settings["bins"]
    return [
        f"η = a W + b,  a: the mean and the largest of each channel over the places of the last of {len(channels)} "
        "stages",
        "stage: twice a ← relu(norm(K ∗ a)), the first time at every other place;  a_0 = log-mel spectrogram, "
        f"{bins} bins, less its mean, over its standard deviation",
        error,
        f"∂NLL/∂W = −aᵀ u / n   ({2 * last} × {net.outputs}),   ∂NLL/∂b = −Σ u / n;   u ← u Wᵀ: to every place for the "
        "mean, over how many they are, and to that of the largest",
        "relu: u ← u ⊙ [a > 0]",
        "norm γ â + β:  ∂NLL/∂γ = −Σ u ⊙ â / n,   ∂NLL/∂β = −Σ u / n;   u ← γ ⊙ u / s   "
        "(under the batch's own mean and s: less their share of u)",
        "kernel:  ∂NLL/∂K = −Σ over places of (a's patch) ⊗ u / n;   u ← K turned round ∗ u",
        "kernels: 5 × 5 × 1 × "
        + f"{channels[0]}, "
        + ", ".join(f"3 × 3 × {a} × {b}" for a, b in pairwise(channels))
        + ", and one 3 × 3 of its own width in each stage; the spectrogram has no weights",
    ]


def training_json(ground: Ground, recipe: Recipe, net: Candidate) -> Training:
    """How a net by a recipe learnt."""
    rows = len(ground.split.train) + (len(ground.learning_rows) if recipe.relearn else 0)
    return {
        "model": net.name,
        "records": [
            {
                "passes": record.work,
                "nll_train": finite(float(record.value[0])),
                "nll_validation": None if record.validation is None else finite(float(record.validation[0])),
                "seconds": record.seconds,
            }
            for record in net.trace or ()
        ],
        "recipe": [list(pair) for pair in recipe.described],
        "flops": round(recipe.predictor.flops * recipe.nominal),
        "work": BACKWARD * float(recipe.predictor.flops) * recipe.nominal * rows * net.work,
    }


def provenance(command: str, seed: int, sha256: str) -> Provenance:
    """All that is needed to repeat the study."""
    versions = {"likeliest": __version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in _PACKAGES}
    return {
        "command": command,
        "seed": seed,
        "data_sha256": sha256,
        "versions": versions,
        "threads": torch.get_num_threads(),
    }
