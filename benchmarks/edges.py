"""Is an edge claimed where there is none, and found where there is one?

    python benchmarks/edges.py [--runs 400] [--planted 200] [--days 1000] [--workers 2]

Every run walks through simulated days with models of the distribution and of the direction, and claims edges over the
base rates as a study does: by Holm's procedure over all that was tried. On noise (independent student-t returns) and
on shuffled returns there is none, and a claim is a wrong one; at most 28 of 400 runs may have one.

Then an edge is planted: the log odds of a rise are b times the return of the day before, in standard deviations, and
the logistic regression has that feature. With what it learns of b it gains d nats a day over the base rate, with the
standard deviation s (both from all runs together), and is to be found in n days with the power Φ(d √n / s − 1.96).
Beside it stands how often it was, ± the Monte Carlo error of such a share.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from multiprocessing import Pool

import numpy as np
import torch
from scipy.stats import norm

from likeliest.data import PriceSeries
from likeliest.finance.backtests import edges
from likeliest.finance.days import Days
from likeliest.finance.distributions import MODELS
from likeliest.finance.features import ALWAYS, Feature
from likeliest.finance.judging import EDGE_DRAWS
from likeliest.finance.trend import rises, trend_models, walk_trend
from likeliest.finance.walk_forward import walk_forward
from likeliest.finance.walking import walk

TRIED = ("ewma", "garch", "har", "gjr")
LEARNT = 2_000
"""Days before the first forecast where an edge is planted: b is then known to 5 %."""


def noise(rng: np.random.Generator, n: int) -> np.ndarray:
    return 0.01 * rng.standard_t(5, n) * math.sqrt(3 / 5)


def shuffled(rng: np.random.Generator, n: int) -> np.ndarray:
    import arch.data.sp500 as data

    returns = np.diff(np.log(data.load()["Adj Close"].to_numpy()))
    return rng.permutation(returns)[:n]


def followed(rng: np.random.Generator, n: int, b: float) -> np.ndarray:
    """Returns whose direction follows the last one."""
    size, odds, returns = np.abs(noise(rng, n)), 0.0, np.empty(n)
    for t in range(n):
        returns[t] = size[t] if rng.random() < 1 / (1 + math.exp(-odds)) else -size[t]
        odds = b * returns[t] / 0.01
    return returns


def days_of(returns: np.ndarray, features: tuple[Feature, ...] | None = None) -> Days:
    dates = np.datetime64("2000-01-03") + np.arange(len(returns) + 1)
    close = 100 * np.exp(np.concatenate(([0.0], returns.cumsum())))
    return Days.of(PriceSeries("simulated", dates, close), features)


def differences(
    days: Days, first: int, distributions: tuple[str, ...], trends: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Log scores less those of the base rates, of all that is tried."""
    folds = list(walk_forward(len(days), first=first, every=63))
    returns, labels = days.returns[first:], rises(days)
    found = {}
    if distributions:
        scores = {
            name: walk(MODELS[name], days, folds).forecast.log_score(returns) for name in ("base_rate", *distributions)
        }
        found |= {name: scores[name] - scores["base_rate"] for name in distributions}
    models = trend_models()
    said = {
        name: walk_trend(models[name], days, labels, folds).log_score(labels[first:]) for name in ("base_rate", *trends)
    }
    return found | {f"direction {name}": said[name] - said["base_rate"] for name in trends}


def claimed(tried: dict[str, np.ndarray]) -> list[str]:
    """The names of all that an edge is claimed for, as a study claims it."""
    return [name for name, edge in edges(tried, draws=EDGE_DRAWS).items() if edge.claimed]


def wrong(given: tuple[str, int, int]) -> list[str]:
    kind, seed, n = given
    torch.set_num_threads(1)
    make: Callable[..., np.ndarray] = {"noise": noise, "shuffled returns": shuffled}[kind]
    days = days_of(make(np.random.default_rng([seed, len(kind)]), n))
    return claimed(differences(days, n // 2, TRIED, ("logistic", "net")))


def right(given: tuple[float, int, int]) -> tuple[bool, float, float]:
    """Whether the planted edge was found, and mean and variance of what was gained on a day."""
    b, seed, n = given
    torch.set_num_threads(1)
    days = days_of(followed(np.random.default_rng([seed, 7]), LEARNT + n, b), ALWAYS[:1])
    tried = differences(days, LEARNT, (), ("logistic",))
    gain = tried["direction logistic"]
    return bool(claimed(tried)), float(gain.mean()), float(gain.var())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--days", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with Pool(given.workers) as pool:
        for kind in ("noise", "shuffled returns"):
            found = pool.map(wrong, [(kind, seed, given.days) for seed in range(given.runs)], chunksize=4)
            false = [names for names in found if names]
            who = ", ".join(sorted({name for names in false for name in names})) or "none"
            most = round(0.07 * given.runs)
            print(
                f"{kind}: an edge claimed in {len(false)} of {given.runs} runs (at most {most}); for {who}", flush=True
            )
        for b in (0.2, 0.3, 0.4):
            tries = pool.map(right, [(b, seed, given.days) for seed in range(given.planted)], chunksize=4)
            hits, d, variance = (np.array(values, float) for values in zip(*tries, strict=True))
            power = norm.cdf(d.mean() * math.sqrt(given.days) / math.sqrt(variance.mean()) - norm.isf(0.025))
            error = math.sqrt(power * (1 - power) / given.planted)
            print(
                f"planted, b = {b}: {d.mean():.4f} nats a day; power {100 * power:.1f} %, found in "
                f"{100 * hits.mean():.1f} ± {100 * error:.1f} % of {given.planted} runs"
            )
