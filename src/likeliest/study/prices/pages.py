"""The pages of a study of prices: numbers in, plain values out, as `likeliest.report.schema.prices` types them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from likeliest.calibration import wilson_interval
from likeliest.finance.backtests import Edge, TestResult, pit_histogram
from likeliest.finance.days import Days, Floats
from likeliest.finance.distributions import Fitted
from likeliest.finance.judging import Coverage, Judged
from likeliest.finance.risk import HORIZONS, Risk, paths, risk, simulates
from likeliest.finance.trend import TrendWalked
from likeliest.finance.walking import Walked
from likeliest.inference import inference
from likeliest.study.prices.market import Market

if TYPE_CHECKING:
    from likeliest.report.schema.prices import (
        Difference,
        ExceedanceChart,
        Fan,
        PriceData,
        PriceModel,
        Protocol,
        ReturnSummary,
        ScoreCurve,
        Tomorrow,
        TransformChart,
        Trend,
        TrendModel,
        VolatilityChart,
    )

FAN = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
FAN_DAYS, FAN_PAST = 20, 60
BINS = 10
CHART, SCORES = 2_000, 1_000
"""Days of a chart, at most."""


def iso(dates: NDArray[np.datetime64]) -> list[str]:
    """Dates as text."""
    return [str(date) for date in dates.astype("M8[D]")]


def thinned(n: int, most: int) -> NDArray[np.int64]:
    """At most so many of n positions, evenly, the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def of_note(returns: Floats, most: int) -> NDArray[np.int64]:
    """At most so many days, of each stretch that with the largest return either way; the first and last among them."""
    size = np.nan_to_num(np.abs(returns), nan=np.inf)
    stretches = np.array_split(np.arange(len(size) - 1), min(most - 1, len(size) - 1))
    return np.array([*(int(rows[size[rows].argmax()]) for rows in stretches), len(size) - 1])


def days_a_year(dates: NDArray[np.datetime64]) -> float:
    """Prices a year, as many as there were."""
    years = float((dates[-1] - dates[0]) / np.timedelta64(1, "D")) / 365.25
    return float(len(dates) - 1) / years


def data_json(market: Market) -> PriceData:
    """The prices at a glance."""
    series = market.series
    returns = np.append(np.nan, series.returns)
    own = of_note(returns, CHART)
    return {
        "name": series.name,
        "source": str(market.source),
        "asset": series.name,
        "assets": list(market.prices.assets),
        "columns": list(series.columns()),
        "days": len(series),
        "first": iso(series.dates[:1])[0],
        "last": iso(series.dates[-1:])[0],
        "days_a_year": days_a_year(series.dates),
        "findings": market.prices.findings(),
        "alarms": [str(jump) for jump in series.jumps],
        "dates": iso(series.dates[own]),
        "prices": series.close[own].tolist(),
        "returns": [None if np.isnan(r) else r for r in returns[own].tolist()],
        "summary": _summary(market.days, days_a_year(series.dates)),
    }


def _summary(days: Days, a_year: float) -> ReturnSummary:
    r = days.returns
    error = r - r.mean()
    spread = float(r.std())
    worst, best = int(r.argmin()), int(r.argmax())
    return {
        "mean": float(r.mean()),
        "deviation": spread,
        "annual_volatility": spread * np.sqrt(a_year),
        "skewness": float((error**3).mean() / spread**3),
        "kurtosis": float((error**4).mean() / spread**4),
        "memory": _memory(r),
        "memory_of_squares": _memory(np.square(error)),
        "worst": {"day": iso(days.dates[worst : worst + 1])[0], "value": float(r[worst])},
        "best": {"day": iso(days.dates[best : best + 1])[0], "value": float(r[best])},
    }


def _memory(values: Floats) -> float:
    """The first autocorrelation."""
    error = values - values.mean()
    return float((error[1:] * error[:-1]).sum() / np.square(error).sum())


def protocol_json(market: Market) -> Protocol:
    """How forecasts were made."""
    walk = market.plan.walk
    return {
        "first": iso(market.dates[:1])[0],
        "last": iso(market.dates[-1:])[0],
        "days": len(market.dates),
        "refits": len(market.folds),
        "every": market.plan.every,
        "window": walk.window,
        "horizon": walk.horizon,
        "cost": walk.cost,
        "levels": list(market.plan.levels),
    }


def difference_json(test: TestResult | None) -> Difference | None:
    """A mean difference of log scores; the test is of losses, whose sign is the other."""
    if test is None:
        return None
    mean, low, high = (float(test.evidence.get(name, 0.0)) for name in ("mean", "low", "high"))
    return {"mean": -mean, "low": -high, "high": -low, "p_value": test.p_value}


def coverage_json(found: Coverage) -> dict[str, Any]:
    """One level's value at risk."""
    tests = ("kupiec", "christoffersen", "independence", "dynamic_quantile", "shortfall")
    return {
        "level": found.level,
        "exceedances": found.exceedances,
        "share": found.share,
        **{name: getattr(found, name).p_value for name in tests},
        "pinball": found.pinball,
    }


def model_json(market: Market, walked: Walked, judged: Judged, final: Fitted) -> PriceModel:
    """One model of the distribution of tomorrow's return."""
    edge = judged.edge
    fitted = {
        "name": walked.model.name,
        "title": walked.model.title,
        "formula": walked.model.formula,
        "source": walked.model.source,
        "log_score": float(judged.log_score.mean()),
        "crps": float(judged.crps.mean()),
        "against_garch": difference_json(judged.against_garch),
        "against_base_rate": difference_json(judged.against_base),
        "edge": edge is not None and edge.claimed,
        "in_confidence_set": judged.in_confidence_set,
        "coverage": [coverage_json(one) for one in judged.coverage],
        "berkowitz": judged.berkowitz.p_value,
        "uniformity": judged.uniformity.p_value,
        "parameters": parameters_of(market.days, final),
        "verdict": final.verdict.to_json(),
        "failed_refits": walked.failed,
        "seconds_walk": walked.seconds,
    }
    return cast("PriceModel", fitted)


def parameters_of(days: Days, final: Fitted) -> list[dict[str, Any]]:
    """Parameters fitted to all days with their standard errors; none of a net, whose weights mean nothing each."""
    if final.model.inputs == "features" or not bool(final.theta.isfinite().all()):
        return []
    found = inference(final.objective(days, slice(final.start, len(days))), final.theta)
    names = ("name", "value", "standard_error", "robust_error", "low", "high", "at_bound")
    return [{name: getattr(one, name) for name in names} for one in found.estimates]


def trend_json(market: Market, walks: Mapping[str, TrendWalked], claims: Mapping[str, Edge]) -> Trend:
    """Models of the direction."""
    labels = market.labels[market.first :]
    return {
        "share_up": float(np.nanmean(labels)),
        "features": [
            {"name": name, "formula": formula, "lag": str(lag)} for name, formula, lag in _described_features(market)
        ],
        "models": [_trend_model(walked, labels, claims.get(name)) for name, walked in walks.items()],
    }


def _described_features(market: Market) -> list[tuple[str, str, int]]:
    known = {feature.name: (feature.formula, feature.lag) for feature in market.features}
    return [(name, *known.get(name, ("your own", 0))) for name in market.days.names]


def _trend_model(walked: TrendWalked, labels: Floats, edge: Edge | None) -> TrendModel:
    told = np.isfinite(labels)
    p, came = walked.probability[told], labels[told]
    difference: Difference | None = None
    if edge is not None:
        difference = {"mean": edge.mean, "low": edge.low, "high": edge.high, "p_value": edge.p_value}
    return {
        "name": walked.model.name,
        "title": walked.model.title,
        "log_score": float(walked.log_score(labels).mean()),
        "difference": difference,
        "level": 0.95 if edge is None else edge.level,
        "p_value": 1.0 if edge is None else edge.p_value,
        "claimed": edge is not None and edge.claimed,
        "right": float(((p > 0.5) == (came > 0)).mean()),
        "calibration": _bins(p, came),
    }


def _bins(p: Floats, labels: Floats) -> list[Any]:
    """Forecast probabilities in bins of equal mass; fewer where they take few values."""
    order = np.argsort(p, kind="stable")
    bins = []
    for rows in np.array_split(order, BINS):
        up = int(labels[rows].sum())
        low, high = wilson_interval(up, len(rows))
        bins.append(
            {
                "count": len(rows),
                "confidence": float(p[rows].mean()),
                "observed": up / len(rows),
                "low": low,
                "high": high,
            }
        )
    return bins


def tomorrow_json(days: Days, final: Fitted, several: Fitted, a_year: float, seed: int) -> Tomorrow:
    """The forecast of the first day after the last; over several days by another model, where one is better at one."""
    n = len(days)
    told = final.forecast(days, slice(n, n + 1))
    sigma = float(told.sigma[0])
    return {
        "model": final.model.name,
        "after": iso(days.dates[-1:])[0],
        "mean": float(told.mean[0]),
        "sigma": sigma,
        "annual_volatility": sigma * float(np.sqrt(a_year)),
        "quantiles": [[level, float(told.quantile(level)[0])] for level in FAN],
        "up": float(told.above()[0]),
        "several_days": several.model.name,
        "risk": [row.to_json() for row in _risk(days, final, several, seed)],  # type: ignore[misc]
        "fan": fan_json(days, several, seed),
    }


def _risk(days: Days, final: Fitted, several: Fitted, seed: int) -> list[Risk]:
    tomorrow = risk(final, days, horizons=HORIZONS[:1], seed=seed)
    return [*tomorrow, *risk(several, days, horizons=HORIZONS[1:], seed=seed)] if simulates(several) else tomorrow


def fan_json(days: Days, fitted: Fitted, seed: int) -> Fan:
    """Quantiles of the price over the days to come, of one where the model forecasts no more."""
    totals = paths(fitted, days, FAN_DAYS if simulates(fitted) else 1, draws=20_000, seed=seed).cumsum(1)
    close = float(days.close[-1])
    ahead = days_ahead(days.dates, totals.shape[1])
    past = slice(-FAN_PAST, None)
    return {
        "days": iso(ahead),
        "levels": list(FAN),
        "prices": [(close * np.exp(np.quantile(totals, level, axis=0))).tolist() for level in FAN],
        "past_days": iso(days.dates[past]),
        "past_prices": days.close[past].tolist(),
    }


def days_ahead(dates: NDArray[np.datetime64], many: int) -> NDArray[np.datetime64]:
    """The days to come: weekdays, or all days where prices have come on weekends too."""
    last, recent = dates[-1].astype("M8[D]"), dates[-FAN_PAST:].astype("M8[D]")
    if not np.is_busday(recent).all():
        every: NDArray[np.datetime64] = last + np.arange(1, many + 1)
        return every
    weekdays: NDArray[np.datetime64] = np.busday_offset(last, np.arange(1, many + 1), roll="backward")
    return weekdays


def volatility_json(market: Market, walked: Walked) -> VolatilityChart:
    """Forecast and realised volatility."""
    own = thinned(len(market.dates), CHART)
    realised = np.sqrt(market.days.measure[market.first :])
    return {
        "days": iso(market.dates[own]),
        "sigma": walked.forecast.sigma[own].tolist(),
        "realised": realised[own].tolist(),
        "measure": f"root of the {market.days.measured_by}",
    }


def exceedances_json(market: Market, walked: Walked) -> ExceedanceChart:
    """Returns and value at risk on all days forecast."""
    return {
        "days": iso(market.dates),
        "returns": _rounded(market.returns),
        "quantiles": {f"{level:g}": _rounded(walked.forecast.quantile(level)) for level in market.plan.levels},
    }


def _rounded(values: Floats) -> list[float]:
    """To seven digits after the point: a thousandth of a basis point."""
    rounded: list[float] = np.round(values, 7).tolist()
    return rounded


def transform_json(name: str, judged: Judged, seed: int) -> TransformChart:
    """The histogram of u = F(r)."""
    found = pit_histogram(judged.transforms, bins=BINS, seed=seed)
    return {
        "model": name,
        "counts": list(found.counts),
        "low": float(found.low),
        "high": float(found.high),
        "statement": str(found),
    }


def scores_json(market: Market, judged: Mapping[str, Judged], walks: Mapping[str, Walked]) -> dict[str, Any]:
    """Cumulative differences of log scores to GARCH(1,1)."""
    own = thinned(len(market.dates), SCORES)
    reference = judged["garch"].log_score
    curves: Sequence[ScoreCurve] = [
        {
            "model": name,
            "title": walks[name].model.title,
            "y": np.round((found.log_score - reference).cumsum()[own], 4).tolist(),
        }
        for name, found in judged.items()
        if name != "garch"
    ]
    return {"score_days": iso(market.dates[own]), "scores": curves}
