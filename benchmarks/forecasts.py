"""Whose forecasts of returns are true, and whose are best? The tables of docs/finance.md.

    python benchmarks/forecasts.py [--data sp500 nasdaq] [--every 21] [--first 1257] [--models garch gjr …]

Every model walks through the days, learning anew every month from all days before; each day is forecast at the close
before. Then, of each: how often losses exceeded its value at risk of 1 and 5 %, with the p-values of Kupiec's and
Christoffersen's tests, its mean log score and CRPS, and the difference of log scores to GARCH(1,1) with its 95 %
interval and the p-value of Diebold and Mariano's test; and whether the direction was told. Prices come with arch.
"""

from __future__ import annotations

import argparse
import importlib
import time

import torch

from likeliest.data import read_prices
from likeliest.finance.backtests import Edge
from likeliest.finance.days import Days
from likeliest.finance.distributions import BASELINES, MODELS
from likeliest.finance.judging import Judged, judge
from likeliest.finance.trend import rises, trend_models, walk_trend
from likeliest.finance.walk_forward import walk_forward
from likeliest.finance.walking import walk

LEVELS = (0.01, 0.05)
HEAD = (
    "| model | VaR 1 % exceeded | Kupiec | Christoffersen | VaR 5 % exceeded | Kupiec | Christoffersen | log score | "
    "CRPS, bp | less GARCH(1,1) | p |"
)


def p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def row(title: str, found: Judged) -> str:
    cells = [title]
    for one in found.coverage:
        cells += [f"{100 * one.share:.2f} %", p(one.kupiec.p_value), p(one.christoffersen.p_value)]
    cells += [f"{found.log_score.mean():.4f}", f"{1e4 * found.crps.mean():.2f}"]
    if found.against_garch is None:
        return f"| {' | '.join([*cells, '–', '–'])} |"
    mean, low, high = (-float(found.against_garch.evidence[name]) for name in ("mean", "high", "low"))
    cells += [f"{signed(mean)} ({signed(low)} to {signed(high)})", p(found.against_garch.p_value)]
    return f"| {' | '.join(cells)} |"


def direction(name: str, edge: Edge) -> str:
    interval = f"{100 * edge.level:.3g} % interval {signed(edge.low)} to {signed(edge.high)}"
    return f"{name}: {'an edge' if edge.claimed else 'no edge'}, {signed(edge.mean)} nats a day, {interval}"


def table(name: str, first: int, every: int, models: list[str]) -> None:
    frame = importlib.import_module(f"arch.data.{name}").load().reset_index()
    days = Days.of(read_prices(frame).series[0])
    folds = list(walk_forward(len(days), first=first, every=every))
    began = time.perf_counter()
    walks = {one: walk(MODELS[one], days, folds) for one in models}
    labels = rises(days)
    said = {
        one: walk_trend(model, days, labels, folds).log_score(labels[first:]) for one, model in trend_models().items()
    }
    others = {one: score - said["base_rate"] for one, score in said.items() if one != "base_rate"}
    seconds = time.perf_counter() - began
    baselines = sum(walks[one].seconds for one in BASELINES if one in walks)
    found, claims = judge(
        {one: walked.forecast for one, walked in walks.items()}, days.returns[first:], levels=LEVELS, others=others
    )
    period = f"{str(days.dates[first])[:10]} to {str(days.dates[-1])[:10]}"
    print(f"{name}, {len(days) - first:,} days from {period}, {len(folds)} refits\n")
    print(f"{HEAD}\n|---|{'---:|' * (HEAD.count('|') - 2)}")
    for one, judged in found.items():
        print(row(MODELS[one].title, judged))
    print(f"\nThe best may be: {', '.join(MODELS[one].title for one, j in found.items() if j.in_confidence_set)}.")
    print(f"Direction of the next day: {'; '.join(direction(one, edge) for one, edge in claims.items())}.")
    failed = {one: walked.failed for one, walked in walks.items() if walked.failed}
    print(f"Refits without a maximum: {failed or 'none'}.")
    print(f"(baselines {baselines:.0f} s, all {seconds:.0f} s)\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["sp500", "nasdaq"])
    parser.add_argument("--every", type=int, default=21)
    parser.add_argument("--first", type=int, default=1_257)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.data:
        table(name, given.first, given.every, given.models)
