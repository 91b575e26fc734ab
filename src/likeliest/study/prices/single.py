"""The other verbs for prices: fit a model to all days, forecast tomorrow, judge it on later days, race, check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from torch import Tensor

from likeliest.data import Target
from likeliest.data.prices import PriceSeries, read_prices
from likeliest.errors import InputError, UnknownNameError
from likeliest.families import family as family_by_name
from likeliest.files import require_file_name
from likeliest.finance.backtests import anderson_darling, berkowitz
from likeliest.finance.days import Days, table_of
from likeliest.finance.distributions import MODELS, DistributionModel, Fitted, at_hand
from likeliest.finance.encoder import PriceEncoder
from likeliest.finance.judging import coverages
from likeliest.finance.lookahead import LookAhead, check_lookahead
from likeliest.finance.walk_forward import walk_forward
from likeliest.finance.walking import walk
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.model import Model
from likeliest.study.plan import Plan
from likeliest.study.prices import pages
from likeliest.study.prices.market import FEWEST, asset_of, read_market
from likeliest.study.subject import function_of
from likeliest.tasks import Source

CANDIDATES = ("garch", "gjr", "egarch", "har")
"""Of which ``auto`` takes the best on the last fifth of the days."""
BOUNDED, FARTHEST = ("persistence", "shares", "log_df_above_two.value", "skew.value"), 10.0
"""Parameters whose bounds lie at ±∞, and how far out their gradient is certified."""
JUDGED = 20
"""Days that an evaluation needs."""
FAMILIES = ("normal", "standardised_student_t", "skewed_student_t")


def as_model(series: PriceSeries, fitted: Fitted) -> Model:
    """Return a fit as a model that saves, with the prices it was learnt from."""
    explanation = f"the log return of the next day, by {fitted.model.title}"
    target = Target("return", fitted.family.name, None, explanation)
    of_series = fitted.model.inputs != "features"  # features look back further than to the first day learnt from
    encoder = PriceEncoder.learn(series.take(slice(fitted.start, None)) if of_series else series, fitted.model.inputs)
    notes = {
        "name": fitted.model.name,
        "title": fitted.model.title,
        "verdict": fitted.verdict.to_json(),
        "learnt_until": str(series.dates[-1].astype("M8[D]")),
    }
    return Model(encoder, target, fitted.family, fitted.predictor, fitted.theta, notes)


def as_fitted(model: Model) -> Fitted:
    """Return a model of prices as the fit that it was."""
    known, verdict = MODELS[model.notes["name"]], model.notes["verdict"]
    spec = replace(known, family=model.family.name, title=model.notes["title"])
    told = Verdict(VerdictKind(verdict["kind"]), verdict["message"])
    return Fitted(spec, model.family, model.predictor, model.theta, 0, told)


def fit_prices(
    source: Source,
    target: str | None,
    kind: str,
    output: Path,
    *,
    family: str | None,
    plan: Plan,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Fit a model of tomorrow's return to all days, and write its file.

    Raises:
        UnknownNameError: no model or no distribution of returns goes by that name.
        InputError: the prices cannot be used.
        OutputError: the file cannot be written; found out before any work is done.
    """
    if kind not in ("auto", *MODELS):
        raise UnknownNameError(f"no model {kind!r} of prices; there are auto, {', '.join(MODELS)}")
    if family is not None and family_by_name(family).name not in FAMILIES:
        raise UnknownNameError(f"no distribution {family!r} of returns; there are {', '.join(FAMILIES)}")
    require_file_name(output)
    prices, series = read_market(source, target, FEWEST)
    model = None if kind == "auto" else _with_family(MODELS[kind], family)
    days = Days.of(series)
    progress("fitting")
    why = "as asked for"
    if model is None:
        chosen, why = _chosen(days)
        model = _with_family(chosen, family)
    fitted = model.fit(days, slice(0, len(days)))
    as_model(series, fitted).save(output)
    objective = fitted.objective(days, learnt(fitted, days))
    return {
        "model": fitted.model.title,
        "why": why,
        "verdict": fitted.verdict.to_json(),
        "nll_train": float(objective.at(fitted.theta).value),
        "parameters": pages.parameters_of(days, fitted),
        "days": len(days),
        "asset": series.name,
        "first": str(days.dates[0])[:10],
        "last": str(days.dates[-1])[:10],
        "findings": prices.findings(),
        "written": str(output),
    }


def learnt(fitted: Fitted, days: Days) -> slice:
    """The days that a model learns from: those with all features, or all from its start on."""
    told = np.isfinite(days.x(fitted.model.inputs)[:-1]).all(1)
    return slice(max(fitted.start, int(told.argmax())), len(days))


def inside(fitted: Fitted) -> Tensor:
    """θ where a gradient can be told from round-off: log odds and logs of a tail at a bound, far out, are held nearer.

    There 1 − β, say, has lost half its digits, and a gradient that is right to the last of them looks wrong.
    """
    theta = fitted.theta.clone()
    for name, part in fitted.predictor.parts.items():
        if name.endswith(BOUNDED):
            theta[part.slice] = theta[part.slice].nan_to_num(nan=0.0).clamp(-FARTHEST, FARTHEST)
    return theta


def _with_family(model: DistributionModel, family: str | None) -> DistributionModel:
    if family is None or family_by_name(family).name == model.family:
        return model
    name = family_by_name(family).name
    if model.name in ("net", "random_walk"):
        raise UnknownNameError(f"{model.title} has no other distribution; found --family {family}, leave it out")
    return replace(model, family=name, title=f"{model.title.rpartition(', ')[0]}, {name.replace('_', ' ')}")


def _chosen(days: Days) -> tuple[DistributionModel, str]:
    """The model of volatility that forecast the last fifth of the days best."""
    first = len(days) - max(len(days) // 5, 20)
    folds = list(walk_forward(len(days), first=first, every=max((len(days) - first) // 4, 1)))
    returns = days.returns[first:]
    tried = [MODELS[name] for name in CANDIDATES if name in at_hand()]
    scores = {one.name: float(walk(one, days, folds).forecast.log_score(returns).mean()) for one in tried}
    best = max(scores, key=lambda name: scores[name])
    told = ", ".join(f"{MODELS[name].title} {score:.4f}" for name, score in scores.items())
    return MODELS[best], f"the largest mean log score of the last {len(returns)} days: {told}"


def tomorrow(model: Model, source: Source | None, *, seed: int = 0) -> dict[str, Any]:
    """Return the forecast of the day after the last one: of the model's own prices, or of later ones.

    Raises:
        InputError: the prices do not go with the model's.
    """
    assert isinstance(model.encoder, PriceEncoder)
    raw = None if source is None else read_prices(source)
    days, fitted = model.encoder.days(raw), as_fitted(model)
    a_year = pages.days_a_year(days.dates)
    told = pages.tomorrow_json(days, fitted, fitted, a_year, seed)
    return {"title": model.notes["title"], "asset": model.encoder.history.name, "close": float(days.close[-1]), **told}


def tomorrow_frame(found: Mapping[str, Any]) -> pl.DataFrame:
    """A forecast as a table: a row for each number of days and each tail probability."""
    first = {"asset": found["asset"], "after": found["after"], "mean": found["mean"], "sigma": found["sigma"]}
    quantiles = {f"q{100 * level:02g}": value for level, value in found["quantiles"]}
    return pl.DataFrame([first | quantiles | row for row in found["risk"]])


def evaluate_prices(model: Model, source: Source) -> dict[str, Any]:
    """Judge a model on days after those that it learnt from.

    Raises:
        InputError: there are too few such days.
    """
    assert isinstance(model.encoder, PriceEncoder)
    days, fitted = model.encoder.days(read_prices(source)), as_fitted(model)
    until = np.datetime64(model.notes["learnt_until"])
    first = int(np.searchsorted(days.dates, until, side="right"))
    if len(days) - first < JUDGED:
        raise InputError(
            f"{source}: expected at least {JUDGED} days after {until}, the last that the model learnt from; found "
            f"{len(days) - first}. Fit it to earlier days, or wait"
        )
    returns = days.returns[first:]
    forecast = fitted.forecast(days, slice(first, len(days)))
    scores, crps = forecast.log_score(returns), forecast.crps(returns)
    transforms = forecast.transform(returns)
    return {
        "title": model.notes["title"],
        "rows": len(returns),
        "first": str(days.dates[first])[:10],
        "last": str(days.dates[-1])[:10],
        "log_score": float(scores.mean()),
        "crps": float(crps.mean()),
        "coverage": [pages.coverage_json(one) for one in coverages(forecast, returns)],
        "berkowitz": berkowitz(transforms).p_value,
        "uniformity": anderson_darling(transforms, draws=999).p_value,
    }


def check_features(what: str, source: Source, target: str | None = None, *, lag: int = 0) -> LookAhead:
    """Run the look-ahead test on ``FILE.py:NAME``, a function from the table of days to values for each of them.

    Args:
        what: the function.
        source: prices.
        target: the asset, where there are several.
        lag: what row t may use: days up to t − lag.
    """
    table = table_of(asset_of(read_prices(source), source, target))
    return check_lookahead(function_of(what), table, lag=lag)
