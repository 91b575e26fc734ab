"""The models of a study, in the order in which they are shown: linear ones first, then a net."""

from __future__ import annotations

from collections.abc import Callable

from likeliest.progress import Callback
from likeliest.study.by_recipe import fit_by_recipe, fit_in_few_steps
from likeliest.study.candidate import Candidate, calibrated, finished
from likeliest.study.ground import Ground
from likeliest.study.tables import choose_l2, fit_linear_model, fit_net_model
from likeliest.study.texts import reading
from likeliest.tasks import Kind


def fit_candidates(ground: Ground, progress: Callable[[str], None], on_progress: Callback) -> list[Candidate]:
    """Fit all models of the plan, in the order in which they are shown."""
    first = []
    if ground.recipe is None:
        progress("linear model at l2 = 0")
        first = [finished(fit_linear_model(ground, 0.0, "linear_unpenalised"))]
    return [*first, *(finished(fit_kind(ground, kind, progress, on_progress)) for kind in ("linear", "net"))]


def fit_kind(ground: Ground, kind: Kind, progress: Callable[[str], None], on_progress: Callback) -> Candidate:
    """Fit the field's linear model or its net, with a calibrator if the validation rows call for one."""
    recipe = ground.recipe
    if kind == "linear":
        progress("linear model" + (", l2 chosen on validation rows" if recipe is None else f" of {recipe.inputs}"))
        fitted = choose_l2(ground) if recipe is None else fit_in_few_steps(ground, recipe)
    else:
        progress("net")
        fitted = fit_net_model(ground, on_progress) if recipe is None else fit_by_recipe(ground, recipe, on_progress)
    if ground.examples.alphabet is not None:
        progress(f"{kind} model: how its frames are read")
        return reading(ground, fitted)
    if recipe is None:
        return calibrated(fitted, ground.plan.seed)
    return calibrated(fitted, ground.plan.seed, recipe.calibrators)
