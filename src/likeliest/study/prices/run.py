"""The main job for prices: walk through time, test for look-ahead, judge the forecasts, say what was found."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from likeliest._version import __version__
from likeliest.certify import certify_objective
from likeliest.families import family as family_by_name
from likeliest.files import atomic_write, require_writable
from likeliest.finance.days import Floats
from likeliest.finance.distributions import MODELS, Fitted
from likeliest.finance.forecast import Forecast
from likeliest.finance.judging import Judged, judge
from likeliest.finance.lookahead import LookAhead
from likeliest.finance.risk import simulates
from likeliest.finance.trend import PRIOR_L2, TrendWalked, trend_models, walk_trend
from likeliest.finance.walking import Walked, walk
from likeliest.predictors import Linear
from likeliest.race import race
from likeliest.report import render
from likeliest.study.clock import Clock
from likeliest.study.pages import provenance
from likeliest.study.plan import Plan
from likeliest.study.prices import pages
from likeliest.study.prices.conclusion import conclude, recommended
from likeliest.study.prices.market import Market
from likeliest.study.prices.plan import AS_USUAL, PricePlan, Walk
from likeliest.study.prices.single import as_model, inside, learnt
from likeliest.tasks import Source

if TYPE_CHECKING:
    from likeliest.model import Model
    from likeliest.report.schema import Certificate
    from likeliest.report.schema import Race as RaceJson
    from likeliest.report.schema.prices import LookAheadJson

RACE_DAYS = 2_000


@dataclass(frozen=True)
class PriceStudy:
    """What a study of prices leaves behind.

    Attributes:
        report: all of ``report.json``.
        models: models of tomorrow's return, fitted to all days (of the window, if there is one), by name; without those
            on features of your own, which a model file cannot hold.
        recommended: the name of the one to use.
        out: the folder with ``report.html``, ``report.pdf`` and ``report.json``.
    """

    report: Mapping[str, Any]
    models: Mapping[str, Model]
    recommended: str
    out: Path


@dataclass
class _Found:
    """What the stages of a study hand on to one another."""

    walks: dict[str, Walked] = field(default_factory=dict)
    trends: dict[str, TrendWalked] = field(default_factory=dict)
    final: dict[str, Fitted] = field(default_factory=dict)


def study_prices(
    source: Source,
    target: str | None,
    out: Path,
    *,
    plan: Plan,
    walk_plan: Walk = AS_USUAL,
    progress: Callable[[str], None] = lambda words: None,
) -> PriceStudy:
    """Study how returns are distributed and whether their direction can be told, and write the report.

    Args:
        source: prices with dates; see `likeliest.data.read_prices`.
        target: the asset, where there are several.
        out: the folder for the report.
        plan: seed and budget.
        walk_plan: how to walk through time.
        progress: called with a few words at each stage.

    Raises:
        InputError: the prices cannot be used; the message names the row and the remedy.
        CodeError: features of one's own look ahead.
        OutputError: the folder cannot be written.
    """
    require_writable(out)
    began, clock = time.perf_counter(), Clock(progress)
    stage = clock.stage
    with stage("load", "reading"):
        market = Market.read(source, target, PricePlan.of(plan, walk_plan))
        data = pages.data_json(market)
    with stage("lookahead", "testing whether anything looks ahead"):
        lookahead = [_lookahead_json(name, result) for name, result in _look_ahead(market)]
    found = _forecast(market, clock)
    with stage("certify", "certifying the gradients"):
        certificates = [_certificate(market, fitted) for fitted in found.final.values()]
    with stage("race", "racing the learning rules"):
        raced = race_json(market, plan.race_rules)
    with stage("judge", "judging the forecasts"):
        judged, claims = _judged(market, found)
        models = [
            pages.model_json(market, walked, judged[name], found.final[name]) for name, walked in found.walks.items()
        ]
        chosen = recommended(models)["name"]
        final = found.final[chosen]
        several = found.final[recommended([m for m in models if simulates(found.final[m["name"]])])["name"]]
        trend = pages.trend_json(market, found.trends, claims)
        protocol = pages.protocol_json(market)
    report = {
        "likeliest": __version__,
        "kind": "prices",
        "data": data,
        "protocol": protocol,
        "lookahead": lookahead,
        "certificates": certificates,
        "race": raced,
        "models": models,
        "trend": trend,
        "tomorrow": pages.tomorrow_json(market.days, final, several, data["days_a_year"], plan.seed),
        "volatility": pages.volatility_json(market, found.walks[chosen]),
        "exceedances": pages.exceedances_json(market, found.walks[chosen]),
        "transforms": [
            pages.transform_json(name, judged[name], plan.seed) for name in dict.fromkeys(("garch", chosen))
        ],
        **pages.scores_json(market, judged, found.walks),
        "conclusion": conclude(data, protocol, models, trend, lookahead, certificates),
        "provenance": provenance(_command(source, target, market), plan.seed, market.series.digest.hex()),
        "plan": market.plan.to_json(),
        "seconds": clock.seconds,
    }
    progress("writing the report")
    clock.seconds["total"] = time.perf_counter() - began
    path = out / "report.json"
    atomic_write(path, (json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    render(path, out)
    own = market.own_features is not None
    fitted = {
        name: as_model(market.series, one)
        for name, one in found.final.items()
        if not (own and one.model.inputs == "features")
    }
    return PriceStudy(report, fitted, chosen, out)


def _forecast(market: Market, clock: Clock) -> _Found:
    """Walk every model through the days, and fit it to the last ones."""
    found = _Found()
    for name in market.plan.models:
        with clock.stage(f"walk {name}", f"walking through {len(market.dates)} days with {MODELS[name].title}"):
            found.walks[name] = walk(MODELS[name], market.days, market.folds)
    with clock.stage("trend", "walking with models of the direction"):
        found.trends = _trends(market)
    with clock.stage("final", "fitting all days"):
        n, window = len(market.days), market.plan.walk.window
        whole = slice(0 if window is None else max(0, n - window), n)
        found.final = {name: MODELS[name].fit(market.days, whole) for name in found.walks}
    return found


def _look_ahead(market: Market) -> Iterator[tuple[str, LookAhead]]:
    """The look-ahead test of the features and of everything that forecasts."""
    yield from market.check_features()
    for name in market.plan.models:

        def columns(own: Market, name: str = name) -> Floats:
            return walk(MODELS[name], own.days, own.folds).forecast.columns

        yield MODELS[name].title, market.check_walk(columns)
    for model in _trend_models(market).values():

        def odds(own: Market, model: Any = model) -> Floats:
            return walk_trend(model, own.days, own.labels, own.trend_folds).log_odds[:, None]

        yield f"direction by {model.title}", market.check_walk(odds)


def _lookahead_json(name: str, found: LookAhead) -> LookAheadJson:
    return {"name": name, "passed": found.passed, "message": found.message}


def _trend_models(market: Market) -> Mapping[str, Any]:
    models = trend_models(market.plan.walk.horizon, market.plan.seed)
    return models if "net" in market.plan.models else {name: models[name] for name in ("base_rate", "logistic")}


def _trends(market: Market) -> dict[str, TrendWalked]:
    return {
        name: walk_trend(model, market.days, market.labels, market.trend_folds)
        for name, model in _trend_models(market).items()
    }


def _judged(market: Market, found: _Found) -> tuple[dict[str, Judged], Any]:
    labels = market.labels[market.first :]
    forecasts: dict[str, Forecast] = {name: walked.forecast for name, walked in found.walks.items()}
    base = found.trends["base_rate"].log_score(labels)
    others = {name: walked.log_score(labels) - base for name, walked in found.trends.items() if name != "base_rate"}
    return judge(
        forecasts,
        market.returns,
        levels=market.plan.levels,
        others=others,
        horizon=market.plan.walk.horizon,
        seed=market.plan.seed,
    )


def _certificate(market: Market, fitted: Fitted) -> Certificate:
    """The certificate of a model's gradient where its fit ended; a tail at infinity is left out of it."""
    objective = fitted.objective(market.days, learnt(fitted, market.days))
    found = certify_objective(objective, inside(fitted), seed=market.plan.seed)
    return cast("Certificate", found.to_json(fitted.model.name))


def race_json(market: Market, rules: tuple[str, ...] | None = None) -> RaceJson:
    """Race rules on the logistic regression of the direction.

    Each seed cuts the days elsewhere, into earlier ones to learn from and later ones to be forecast.
    """
    seeds, trials, passes = market.plan.race
    x, y = market.days.x("features")[:-1], market.labels
    told = np.flatnonzero(np.isfinite(x).all(1) & np.isfinite(y))[-RACE_DAYS:]
    return race(
        x[told],
        y[told],
        family=family_by_name("bernoulli"),
        predictor=Linear(x.shape[1], 1),
        rules=rules,
        seeds=range(market.plan.seed, market.plan.seed + seeds),
        trials=trials,
        budget=passes,
        l2=PRIOR_L2,
        gap=market.plan.walk.horizon,
    ).to_json()


def _command(source: Source, target: str | None, market: Market) -> str:
    """The command line that repeats the study."""
    words = ["likeliest", "study", str(source), "--kind", "prices", *(["--target", target] if target else [])]
    options = {**market.plan.walk.options, "--budget": market.plan.budget, "--seed": str(market.plan.seed)}
    return shlex.join([*words, *(word for name, value in options.items() if value for word in (name, value))])
