"""What a study of prices found, in words that its numbers bear out and no stronger ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from likeliest.finance.distributions import at_hand
from likeliest.numerics.holm import holm

if TYPE_CHECKING:
    from likeliest.report.schema import Certificate
    from likeliest.report.schema.prices import (
        Coverage,
        LookAheadJson,
        PriceConclusion,
        PriceData,
        PriceModel,
        Protocol,
        Trend,
        TrendModel,
    )

ALPHA = 0.05
DISCLAIMER = (
    "This is a statistical description of the past and of models fitted to it. It is no investment advice and no "
    "offer; whoever trades on it does so at their own risk."
)


def recommended(models: Sequence[PriceModel]) -> PriceModel:
    """Return the model with the largest mean log score; where it was fitted to no good end, the next."""
    good = [model for model in models if model["verdict"]["kind"] in ("converged", "plateau", "boundary")]
    return max(good or models, key=lambda model: model["log_score"])


def conclude(
    data: PriceData,
    protocol: Protocol,
    models: Sequence[PriceModel],
    trend: Trend,
    lookahead: Sequence[LookAheadJson],
    certificates: Sequence[Certificate],
) -> PriceConclusion:
    """Put a study into words."""
    best = recommended(models)
    over = f"{protocol['days']} days from {protocol['first']} to {protocol['last']}"
    return {
        "model": best["name"],
        "sentence": (
            f"{best['title']} forecast the distribution of the next day's return of {data['asset']} best, with a mean "
            f"log score of {best['log_score']:.4f} nats over {over}; {_direction_in_short(trend)}."
        ),
        "direction": direction(trend, protocol),
        "volatility": volatility(models, best),
        "risk": [risk(models, best, place) for place in range(len(best["coverage"]))],
        "cautions": _cautions(data, protocol, models, lookahead, certificates),
        "disclaimer": DISCLAIMER,
    }


def _direction_in_short(trend: Trend) -> str:
    claimed = [model for model in trend["models"] if model["claimed"]]
    return "its direction could be told better than by the base rate" if claimed else "its direction could not be told"


def direction(trend: Trend, protocol: Protocol) -> str:
    """Who tells the direction better than the base rate, or that nobody does."""
    ahead = "the next day" if protocol["horizon"] == 1 else f"the next {protocol['horizon']} days"
    cost = f" above a cost of {100 * protocol['cost']:g} %" if protocol["cost"] else ""
    claimed = [model for model in trend["models"] if model["claimed"]]
    tried = [model for model in trend["models"] if model["difference"] is not None]
    if claimed:
        said = "; ".join(f"{model['title']}, {_difference(model)}" for model in claimed)
        return f"Direction over {ahead}{cost}: an edge over the base rate for {said}."
    said = "; ".join(f"{model['title']}, {_difference(model)}" for model in tried)
    rose = f"it was so on {100 * trend['share_up']:.1f} % of days"
    return f"Direction over {ahead}{cost}: no detectable edge over the base rate ({said}); {rose}."


def _difference(model: TrendModel) -> str:
    found = model["difference"]
    assert found is not None
    low, high = _signed(found["low"]), _signed(found["high"])
    return f"difference {_signed(found['mean'])} nats a day, {100 * model['level']:.3g} % interval {low} to {high}"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def volatility(models: Sequence[PriceModel], best: PriceModel) -> str:
    """Whether volatility can be forecast, and whether the best model beats GARCH(1,1), by Holm over all that might."""
    edges = [model["title"] for model in models if model["edge"] and model["name"] != "random_walk"]
    if edges:
        many = f"{len(edges)} models are shown to beat" if len(edges) > 1 else f"{edges[0]} is shown to beat"
        first = f"Volatility can be forecast: {many} one and the same distribution for all days."
    else:
        first = "Volatility: no model is shown to beat one and the same distribution for all days."
    against = best["against_garch"]
    if against is None:
        return f"{first} Of the models whose fit ended well none had a larger log score than GARCH(1,1)."
    tried = [model for model in models if model["against_garch"] is not None]
    adjusted = dict(zip((m["name"] for m in tried), holm([_against(m) for m in tried]), strict=True))
    verb = "beats" if adjusted[best["name"]] < ALPHA and against["mean"] > 0 else "is not shown to beat"
    low, high = _signed(against["low"]), _signed(against["high"])
    said = f"{_signed(against['mean'])} nats a day, 95 % interval {low} to {high}, {_p(adjusted[best['name']])} by Holm"
    may = [model["title"] for model in models if model["in_confidence_set"]]
    rest = f" The best may be any of: {'; '.join(may)}." if len(may) > 1 else ""
    return f"{first} {best['title']} {verb} GARCH(1,1) ({said} over {len(tried)} models).{rest}"


def _against(model: PriceModel) -> float:
    return 1.0 if model["against_garch"] is None else model["against_garch"]["p_value"]


def risk(models: Sequence[PriceModel], best: PriceModel, place: int) -> str:
    """Whether a value at risk is true, and if not, in which way; and whose else is."""
    found = best["coverage"][place]
    name = f"The {100 * found['level']:g} % value at risk of {best['title']}"
    counted = f"{found['exceedances']} exceedances, {100 * found['share']:.2f} % of days; Kupiec {_p(found['kupiec'])}"
    often, order = found["kupiec"] < ALPHA, found["independence"] < ALPHA
    more = "too often" if found["share"] > found["level"] else "too seldom"
    if often and order:
        said = f"{name} is exceeded {more}, and in clusters ({counted}, independence {_p(found['independence'])})."
    elif often:
        said = f"{name} is exceeded {more} ({counted})."
    elif order:
        clusters = f"{counted}, independence {_p(found['independence'])}"
        said = f"{name} is exceeded as often as it says, but in clusters ({clusters})."
    elif found["dynamic_quantile"] < ALPHA or found["christoffersen"] < ALPHA:
        tests = f"dynamic quantile {_p(found['dynamic_quantile'])}, Christoffersen {_p(found['christoffersen'])}"
        said = f"{name} is exceeded as often as it says, but on days that could be foretold ({counted}, {tests})."
    elif found["shortfall"] < ALPHA:
        said = f"{name} is exceeded as often as it says ({counted}), but losses beyond it go deeper than its expected "
        said += f"shortfall ({_p(found['shortfall'])})."
    else:
        said = f"No test speaks against {name[0].lower() + name[1:]} ({counted})."
    others = [model["title"] for model in models if model is not best and calibrated(model["coverage"][place])]
    if calibrated(found) or not others:
        return said
    return f"{said} At this level no test speaks against {'; '.join(others)}."


def calibrated(found: Coverage) -> bool:
    """Whether none of the five tests speaks against the number of exceedances, their order, or their depth."""
    tests = (found["kupiec"], found["independence"], found["christoffersen"], found["dynamic_quantile"])
    return min(*tests, found["shortfall"]) >= ALPHA


def _cautions(
    data: PriceData,
    protocol: Protocol,
    models: Sequence[PriceModel],
    lookahead: Sequence[LookAheadJson],
    certificates: Sequence[Certificate],
) -> list[str]:
    """What the study does not show, gravest first."""
    leaky = [one["name"] for one in lookahead if not one["passed"]]
    wrong = [one["model"] for one in certificates if not one["passed"]]
    failed = [f"{model['title']} ({model['failed_refits']})" for model in models if model["failed_refits"]]
    tests = len(models) * len(protocol["levels"]) * 5
    found = [
        *([f"The look-ahead test failed for {', '.join(leaky)}: their scores say nothing."] if leaky else []),
        *([f"The gradient's certificate failed for {', '.join(wrong)}."] if wrong else []),
        *([f"Jumps that no volatility explains were kept: {data['alarms'][0]}"] if data["alarms"] else []),
        *([f"Some refits reached no maximum, and their end was kept: {', '.join(failed)}."] if failed else []),
        f"The model to use was chosen on the days that it is judged by; of {tests} tests of coverage about "
        f"{tests // 20} would reject at 5 % though all forecasts were true.",
        "Scores are of one asset and one time; what held then need not hold again. No cost of trading is counted but "
        "the one that a rise has to exceed, and nobody's trades move the price here.",
        "Risk over several days is simulated from the fitted model; it knows neither the error of its parameters nor "
        "days unlike those learnt from.",
    ]
    if "egarch" not in at_hand():
        found.append("EGARCH was left out, for numba is missing: pip install 'likeliest[finance]'.")
    if "high" not in data["columns"]:
        found.append("Without the day's high and low realised volatility is the size of the return, which is noisy.")
    return found
