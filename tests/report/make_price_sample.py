"""Writes ``sample_prices.json`` from simulated prices: ``python tests/report/make_price_sample.py``.

A GJR-GARCH process draws the prices, the package arch fits the models, and scikit-learn the direction; p-values come
from likeliest's own back-tests, which have tests of their own. Gradients and the race are made up: the report only has
to show them.
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from arch.univariate import (
    EGARCH,
    GARCH,
    HARCH,
    ConstantMean,
    ConstantVariance,
    EWMAVariance,
    Normal,
    StudentsT,
    ZeroMean,
)
from sample_price_words import ABOUT, CAUTIONS, DISCLAIMER, FEATURES, FINDINGS, LOOKAHEAD
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from likeliest.finance import backtests as b

DAYS, FORECAST, EVERY, HORIZON, SEED = 1500, 300, 60, 5, 11
LEVELS = [0.01, 0.05]
A_YEAR = 252.0
FAN = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
MODELS = {
    "base_rate": (ConstantMean, ConstantVariance, StudentsT),
    "random_walk": (ZeroMean, ConstantVariance, Normal),
    "ewma": (ZeroMean, lambda: EWMAVariance(None), Normal),
    "garch": (ConstantMean, lambda: GARCH(1, 0, 1), StudentsT),
    "har": (ConstantMean, lambda: HARCH([1, 5, 22]), StudentsT),
    "gjr": (ConstantMean, lambda: GARCH(1, 1, 1), StudentsT),
    "egarch": (ConstantMean, lambda: EGARCH(1, 1, 1), StudentsT),
}
BEST = "gjr"


def simulated() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Weekdays, returns (n,) after the first price, and a noisy measure of each day's volatility (n,)."""
    rng, h, found = np.random.default_rng(SEED), 1.0, []
    for _ in range(DAYS - 1 + 250):
        shock = np.sqrt(h) * rng.standard_t(6) * np.sqrt(4 / 6)
        found.append((0.045 + shock, np.sqrt(h * rng.chisquare(6) / 6)))
        h = 0.03 + 0.22 * shock**2 * (shock < 0) + 0.86 * h
    first = dt.date(2019, 1, 2)
    weekdays = (first + dt.timedelta(days=i) for i in range(2 * DAYS))
    days = [day.isoformat() for day in weekdays if day.weekday() < 5][:DAYS]
    returns, measure = np.array(found[250:]).T / 100
    return days, returns, measure


class Walk:
    """One model's forecasts of the last days, and its fit to all."""

    def __init__(self, name: str, r: np.ndarray) -> None:
        mean, variance, noise = MODELS[name]
        model = mean(100 * r)
        model.volatility, model.distribution = variance(), noise()
        start, columns = len(r) - FORECAST, []
        for first in range(start, len(r), EVERY):
            fit = model.fit(last_obs=first, disp="off")
            last = min(first + EVERY, len(r))
            told = fit.forecast(horizon=1, start=first - 1, reindex=False)
            part = np.column_stack([told.mean.to_numpy()[:, 0], np.sqrt(told.variance.to_numpy()[:, 0])]) / 100
            nu = fit.params.get("nu", np.inf)
            columns.append(np.column_stack([part[: last - first], np.full(last - first, nu)]))
        self.name, self.y = name, r[start:]
        self.mean, self.sigma, self.nu = np.concatenate(columns).T
        self.fit = model.fit(disp="off")
        self.plain = model.fit(disp="off", cov_type="classic")

    def on(self, rows: Any) -> Any:
        """The forecast distributions of some days."""
        nu, normal = self.nu[rows], np.isinf(self.nu[rows])
        if np.all(normal):
            return stats.norm(self.mean[rows], self.sigma[rows])
        return stats.t(nu, self.mean[rows], self.sigma[rows] * np.sqrt((nu - 2) / nu))

    @property
    def score(self) -> np.ndarray:
        return self.on(slice(None)).logpdf(self.y)

    @property
    def u(self) -> np.ndarray:
        return self.on(slice(None)).cdf(self.y)

    def var(self, level: float) -> np.ndarray:
        return -self.on(slice(None)).ppf(level)

    def es(self, level: float) -> np.ndarray:
        """The mean loss beyond the value at risk, by 200 quantiles."""
        grid = (np.arange(200) + 0.5) / 200 * level
        return -np.mean([self.on(slice(None)).ppf(q) for q in grid], axis=0)

    def crps(self) -> float:
        grid = (np.arange(200) + 0.5) / 200
        quantiles = np.array([self.on(slice(None)).ppf(q) for q in grid])
        gap = self.y - quantiles
        return float(2 * np.maximum(grid[:, None] * gap, (grid[:, None] - 1) * gap).mean())


def difference(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    found = b.diebold_mariano(-first, -second, memory="automatic")
    mean, low, high = (float(found.evidence[key]) for key in ("mean", "low", "high"))
    return {"mean": -mean, "low": -high, "high": -low, "p_value": found.p_value}


def coverage(walk: Walk, level: float) -> dict[str, Any]:
    y, var, es = walk.y, walk.var(level), walk.es(level)
    hits = y < -var
    tests = {
        "kupiec": b.unconditional_coverage(y, var, level=level),
        "christoffersen": b.conditional_coverage(y, var, level=level),
        "independence": b.independence(y, var, level=level),
        "dynamic_quantile": b.dynamic_quantile(y, var, level=level, draws=999),
        "shortfall": b.acerbi_szekely(
            y, var, es, lambda g, m: walk.on(slice(None)).ppf(g.random((m, len(y)))), level=level, draws=999
        ),
    }
    pinball = float(np.maximum(level * (y + var), (level - 1) * (y + var)).mean())
    counts = {"level": level, "exceedances": int(hits.sum()), "share": float(hits.mean()), "pinball": pinball}
    return counts | {name: found.p_value for name, found in tests.items()}


def parameters(walk: Walk) -> list[dict[str, Any]]:
    """Of the percent returns that arch is fitted to; a parameter at 0 is at its bound."""
    found = []
    for name, value in walk.fit.params.items():
        bound = abs(value) < 1e-6
        value = 0.0 if bound else value
        plain, robust = float(walk.plain.std_err[name]), float(walk.fit.std_err[name])
        ends = [None, None] if bound else [float(value - 1.96 * robust), float(value + 1.96 * robust)]
        found.append({
            "name": name, "value": float(value), "standard_error": None if bound else plain,
            "robust_error": None if bound else robust, "low": ends[0], "high": ends[1], "at_bound": bool(bound),
        })  # fmt: skip
    return found


def models(walks: dict[str, Walk]) -> list[dict[str, Any]]:
    """The entries of ``models``."""
    scores = {name: walk.score for name, walk in walks.items()}
    best = b.confidence_set({name: -score for name, score in scores.items()}, level=0.9, draws=999).included
    claims = b.edges({n: s - scores["base_rate"] for n, s in scores.items() if n != "base_rate"}, draws=999)
    entries = []
    for name, walk in walks.items():
        title, formula, source = ABOUT[name]
        entries.append({
            "name": name, "title": title, "formula": formula, "source": source,
            "log_score": float(scores[name].mean()), "crps": walk.crps(),
            "against_garch": None if name == "garch" else difference(scores[name], scores["garch"]),
            "against_base_rate": None if name == "base_rate" else difference(scores[name], scores["base_rate"]),
            "edge": name in claims and claims[name].claimed, "in_confidence_set": name in best,
            "coverage": [coverage(walk, level) for level in LEVELS],
            "berkowitz": b.berkowitz(walk.u, draws=999).p_value,
            "uniformity": b.anderson_darling(walk.u, draws=999).p_value,
            "parameters": parameters(walk),
            "verdict": {"kind": "converged", "message": "Gradient norm 3.1e-09.", "evidence": {}},
            "failed_refits": int(name == "egarch"), "seconds_walk": 0.4,
        })  # fmt: skip
    return entries


def trend(r: np.ndarray) -> dict[str, Any]:
    """A logistic regression of the next five days on the past, refitted along the way, and the base rate."""
    past, start = np.cumsum(r), len(r) - FORECAST
    rows = np.arange(25, len(r) - HORIZON)
    x = np.array([[past[t] - past[t - 5], past[t] - past[t - 20], np.log(r[t - 19 : t + 1].std())] for t in rows])
    up = np.array([past[t + HORIZON] - past[t] > 0 for t in rows])
    p, base = [], []
    for first in range(start - 25, len(rows), EVERY):
        known, told = slice(0, first - HORIZON), slice(first, min(first + EVERY, len(rows)))
        scale = StandardScaler().fit(x[known])
        fitted = LogisticRegression(C=1.0).fit(scale.transform(x[known]), up[known])
        p.append(fitted.predict_proba(scale.transform(x[told]))[:, 1])
        base.append(np.full(len(p[-1]), up[known].mean()))
    y, forecasts = up[start - 25 :], {"base_rate": np.concatenate(base), "logistic": np.concatenate(p)}
    forecasts["net"] = np.clip(forecasts["logistic"] + 0.12 * np.sin(2.1 * np.arange(len(y))), 0.05, 0.95)
    scores = {name: np.log(np.where(y, q, 1 - q)) for name, q in forecasts.items()}
    claims = b.edges({n: scores[n] - scores["base_rate"] for n in ("logistic", "net")}, horizon=HORIZON, draws=999)
    titles = {"base_rate": "base rate", "logistic": "logistic regression, l2 = 1", "net": "net 3-8-1, tanh"}
    entries = []
    for name, q in forecasts.items():
        claim = claims.get(name)
        gap = claim and {
            "mean": claim.mean,
            "low": claim.low,
            "high": claim.high,
            "p_value": min(1.0, 2 * claim.p_value),
        }
        entries.append({
            "name": name, "title": titles[name], "log_score": float(scores[name].mean()), "difference": gap,
            "level": claim.level if claim else 0.95, "p_value": claim.p_value if claim else 1.0,
            "claimed": bool(claim and claim.claimed), "right": float(((q > 0.5) == y).mean()),
            "calibration": bins(q, y),
        })  # fmt: skip
    return {"share_up": float(y.mean()), "features": FEATURES, "models": entries}


def bins(q: np.ndarray, y: np.ndarray) -> list[dict[str, float]]:
    """Ten bins of equal mass."""
    found = []
    for rows in np.array_split(np.argsort(q, kind="stable"), 10):
        ends = stats.binomtest(int(y[rows].sum()), len(rows)).proportion_ci(method="wilson")
        shares = {"confidence": float(q[rows].mean()), "observed": float(y[rows].mean())}
        found.append({"count": len(rows), **shares, "low": float(ends.low), "high": float(ends.high)})
    return found


def tomorrow(walk: Walk, days: list[str], prices: np.ndarray) -> dict[str, Any]:
    """Paths of the fitted model from the last day on."""
    rng, nu = np.random.default_rng(SEED), float(walk.fit.params["nu"])
    draw = lambda size: rng.standard_t(nu, size) * np.sqrt((nu - 2) / nu)  # noqa: E731
    told = walk.fit.forecast(horizon=20, method="simulation", simulations=20_000, rng=draw, reindex=False)
    paths = told.simulations.values[0] / 100
    sums = paths.cumsum(1)
    mean, sigma = float(told.mean.iloc[0, 0]) / 100, float(np.sqrt(told.variance.iloc[0, 0])) / 100
    first = stats.t(nu, mean, sigma * np.sqrt((nu - 2) / nu))
    risk = []
    for over in (1, 5, 10, 20):
        for level in LEVELS:
            cut = np.quantile(sums[:, over - 1], level)
            density = stats.gaussian_kde(sums[:, over - 1])(cut)[0]
            error = 0.0 if over == 1 else float(np.sqrt(level * (1 - level) / len(sums)) / density)
            es = -float(sums[:, over - 1][sums[:, over - 1] <= cut].mean())
            var = -float(first.ppf(level)) if over == 1 else -float(cut)
            risk.append({"days": over, "level": level, "var": var, "es": es, "error": error})
    ahead = (dt.date.fromisoformat(days[-1]) + dt.timedelta(days=i) for i in range(1, 40))
    return {
        "model": walk.name, "after": days[-1], "mean": mean, "sigma": sigma,
        "annual_volatility": sigma * float(np.sqrt(A_YEAR)), "up": float(first.sf(0.0)), "several_days": walk.name,
        "risk": risk,
        "quantiles": [[q, float(first.ppf(q))] for q in (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)],
        "fan": {
            "days": [day.isoformat() for day in ahead if day.weekday() < 5][:20], "levels": FAN,
            "prices": (prices[-1] * np.exp(np.quantile(sums, FAN, axis=0))).tolist(),
            "past_days": days[-60:], "past_prices": prices[-60:].tolist(),
        },
    }  # fmt: skip


def transforms(walk: Walk) -> dict[str, Any]:
    found = b.pit_histogram(walk.u, draws=999)
    inside = not found.outside
    words = (
        "all bins lie inside the band, as those of true forecasts do."
        if inside
        else f"{len(found.outside)} of {len(found.counts)} bins lie outside the band."
    )
    return {"model": walk.name, "counts": list(found.counts), "low": found.low, "high": found.high, "statement": words}


def data(days: list[str], prices: np.ndarray, r: np.ndarray) -> dict[str, Any]:
    """The prices at a glance; of each three days that of the largest |return| is drawn."""
    size = np.abs(np.concatenate([[0.0], r]))
    kept = [0, *(i + int(size[i : i + 3].argmax()) for i in range(1, len(days), 3))]
    returns = [None, *(float(r[i - 1]) for i in kept[1:])]
    memory = lambda x: float(np.corrcoef(x[:-1], x[1:])[0, 1])  # noqa: E731
    extremes = {
        name: {"day": days[i + 1], "value": float(r[i])} for name, i in (("worst", r.argmin()), ("best", r.argmax()))
    }
    moments = {"skewness": float(stats.skew(r)), "kurtosis": float(stats.kurtosis(r, fisher=False))}
    spread = {"mean": float(r.mean()), "deviation": float(r.std()), "annual_volatility": float(r.std() * A_YEAR**0.5)}
    return {
        "name": "simulated index", "source": "prices.csv", "asset": "INDEX", "assets": ["INDEX", "BOND"],
        "columns": ["close", "high", "low"], "days": len(days), "first": days[0], "last": days[-1],
        "days_a_year": A_YEAR, "findings": FINDINGS, "alarms": [], "dates": [days[i] for i in kept],
        "prices": [float(prices[i]) for i in kept], "returns": returns,
        "summary": spread | moments | {"memory": memory(r), "memory_of_squares": memory(r**2)} | extremes,
    }  # fmt: skip


def certificates() -> list[dict[str, Any]]:
    """Evidence of the kind that `likeliest.certify` writes."""
    sizes = {"garch": ("mean", "intercept", "alpha", "beta", "shape"), "gjr": ("mean", "intercept", "gain", "loss")}
    found = []
    for place, (name, parts) in enumerate(sizes.items()):
        errors = [round(2.3e-9 * (1 + 0.7 * i + place), 12) for i in range(len(parts))]
        rows = [
            {"part": part, "size": 1, "checked": 1, "worst": error, "worst_autograd": round(error * 1e-4, 16),
             "resolution": 2.4e-8, "passed": True}
            for part, error in zip(parts, errors, strict=True)
        ]  # fmt: skip
        message = "Compared beside the optimum, on 1,499 returns."
        found.append({"model": name, "passed": True, "worst": max(errors), "resolution": 2.4e-8, "parts": rows,
                      "message": message})  # fmt: skip
    return found


def race() -> dict[str, Any]:
    """Four rules on the logistic regression of the direction: curves that fall as such curves do."""
    speeds = {"lbfgs": 0.42, "newton": 0.8, "adam": 0.11, "gradient_descent": 0.035}
    rates = {"lbfgs": None, "newton": None, "adam": 0.03, "gradient_descent": 0.1}
    work, start, best = list(range(0, 61, 2)), 0.6931, 0.6714
    target = start - 0.95 * (start - best)
    curves, rows = [], []
    for rule, speed in sorted(speeds.items(), key=lambda item: -item[1]):
        fall = lambda s: [float(best + (start - best) * np.exp(-s * w)) for w in work]  # noqa: E731
        curves.append({"rule": rule, "work": list(map(float, work)), "median": fall(speed), "low": fall(1.3 * speed),
                       "high": fall(0.75 * speed)})  # fmt: skip
        need = float(np.log(20) / speed)
        hit = need <= work[-1]
        rows.append({
            "rule": rule, "lr": rates[rule], "nll": min(curves[-1]["median"]), "error": None, "criterion": "nll",
            "work_to_target": need if hit else None, "work_low": need / 1.3 if hit else None,
            "work_high": need / 0.75 if need / 0.75 <= work[-1] else None, "reached": 5 if hit else 0,
            "seconds_to_target": 0.004 * need if hit else None, "trials": 4,
            "verdict": "converged" if hit else "missed the target in 5 of 5 seeds",
        })  # fmt: skip
    pairs = [
        {"rule": row["rule"], "pairs": 5, "ratio": ratio, "low": ratio / 1.4, "high": ratio * 1.4, "p_holm": 0.002,
         "statement": f"{ratio:.1f} times the work of newton"}
        for row in rows[1:] if row["work_to_target"]
        for ratio in [row["work_to_target"] / rows[0]["work_to_target"]]
    ]  # fmt: skip
    return {
        "model": "bernoulli family on Linear, 4 parameters", "rows": rows, "curves": curves, "target": target,
        "start": start, "best": best, "budget": 60.0, "seeds": 5, "trials": 4, "batch_size": None,
        "reference": "newton", "level": 0.95,
        "comparisons": pairs, "skipped": [{"rule": "sgd", "reason": "needs rows in any order, and days have one"}],
        "conclusion": "newton took the least work to the target. This speaks for these data and this budget only.",
    }  # fmt: skip


def conclusion(entries: list[dict[str, Any]], direction: dict[str, Any]) -> dict[str, Any]:
    """Sentences with their numbers, as the study writes them."""
    by_name = {entry["name"]: entry for entry in entries}
    found, base = by_name[BEST], by_name["base_rate"]
    logistic = direction["models"][1]
    gap = logistic["difference"]
    others = [e["title"] for e in entries if e["in_confidence_set"] and e["name"] != BEST]
    risk = [
        f"Losses exceeded the {row['level']:.0%} value at risk on {row['exceedances']} of {FORECAST} days; "
        f"{row['level'] * FORECAST:g} were expected (Kupiec p = {row['kupiec']:.3f})."
        for row in found["coverage"]
    ]
    return {
        "model": BEST,
        "sentence": f"Use {found['title']} for risk: its log score is {found['log_score']:.4f} nats a day, where the "
        f"base rate has {base['log_score']:.4f}. Nothing here foretells whether the price rises.",
        "direction": "No edge over the base rate can be shown: the best trend model differs by "
        f"{gap['mean']:.4f} nats a day (interval {gap['low']:.4f} to {gap['high']:.4f}).".replace("-", "−"),
        "volatility": f"{found['title']} forecasts best; {' and '.join(others)} may be as good.",
        "risk": risk, "cautions": CAUTIONS, "disclaimer": DISCLAIMER,
    }  # fmt: skip


def report() -> dict[str, Any]:
    """The whole sample."""
    days, r, measure = simulated()
    prices = 100 * np.exp(np.concatenate([[0.0], np.cumsum(r)]))
    walks = {name: Walk(name, r) for name in MODELS}
    entries, direction, told = models(walks), trend(r), days[-FORECAST:]
    best, scores = walks[BEST], {name: walk.score for name, walk in walks.items()}
    thin = slice(None, None, 3)
    curves = [
        {"model": e["name"], "title": e["title"], "y": np.cumsum(scores[e["name"]] - scores["garch"])[thin].tolist()}
        for e in entries if e["name"] != "garch"
    ]  # fmt: skip
    return {
        "likeliest": "0.1.0", "kind": "prices", "data": data(days, prices, r),
        "protocol": {
            "first": told[0], "last": told[-1], "days": FORECAST, "refits": FORECAST // EVERY, "every": EVERY,
            "window": None, "horizon": HORIZON, "cost": 0.0, "levels": LEVELS,
        },
        "lookahead": LOOKAHEAD, "certificates": certificates(), "race": race(), "models": entries, "trend": direction,
        "tomorrow": tomorrow(best, days, prices),
        "volatility": {
            "days": told, "sigma": best.sigma.tolist(), "realised": measure[-FORECAST:].tolist(),
            "measure": "square root of the day's range variance (Parkinson)",
        },
        "exceedances": {
            "days": told, "returns": best.y.tolist(), "quantiles": {str(a): (-best.var(a)).tolist() for a in LEVELS},
        },
        "transforms": [transforms(walks["garch"]), transforms(best)],
        "score_days": told[thin], "scores": curves, "conclusion": conclusion(entries, direction),
        "provenance": {
            "command": "likeliest study prices.csv --asset INDEX --seed 11", "seed": SEED, "threads": 2,
            "data_sha256": hashlib.sha256(prices.tobytes()).hexdigest(),
            "versions": {"likeliest": "0.1.0", "python": "3.11.9", "numpy": np.__version__},
        },
        "plan": {"every": EVERY, "horizon": HORIZON, "window": None, "levels": LEVELS, "seed": SEED},
        "seconds": {"load": 0.1, "walk": 6.2, "certify": 0.4, "race": 3.1, "total": 10.2},
    }  # fmt: skip


def rounded(value: Any) -> Any:
    """Numbers to six digits, which keeps the file small."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else copy.copy(value)


def main() -> None:
    """Write the sample."""
    text = json.dumps(rounded(report()), ensure_ascii=False, allow_nan=False)
    (Path(__file__).parent / "sample_prices.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
