"""Do tests of forecasts reject true ones as often as they say, and what do they find? 5,000 true forecasts each.

    python benchmarks/backtests.py [--quick] [--samples 5000] [--workers 2] [--only Kupiec DM]

Returns follow a GARCH(1, 1) with normal shocks, and forecasts are its own true distributions: every test at 5 % has to
reject 4 to 6 % of them. An edge, which is claimed on the upper side only, may be claimed in at most 5 % (2.5 % is what
it promises), and a `*` marks what misses its line. Beside it stands how often three wrong forecasts are rejected:

- low: the true ones with 0.85 of their scale;
- still: normal ones with the returns' own overall variance, the same every day;
- thin: the true ones where shocks are Student's t(4) of variance 1, and forecasts still normal.

Comparisons have nulls and alternatives of their own, named in their rows. Draws of a null that do not depend on the
data, and are kept, are made anew every some samples: one set of them would shift all samples alike.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads are counted when the libraries load

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

from likeliest.finance import backtests as bt
from likeliest.finance.backtests.monte_carlo import Against
from likeliest.finance.backtests.shortfall import Kind
from likeliest.randomness import stream

Floats = NDArray[np.float64]
WORLDS = ("true", "low", "still", "thin")
RENEWED, HISTORIES = 500, 25
"""Samples that share 9,999 draws of a statistic, and those that share 499 histories."""
SHARE = 5
"""Of wrong forecasts a fifth as many samples are drawn."""
SIZE, CLAIMS = (0.04, 0.06), (0.0, 0.05)


@dataclass(frozen=True)
class Sample:
    """Returns (n,), the scale of each day's normal forecast, the tail probability, and the number of the sample."""

    y: Floats
    scale: Floats
    level: float
    run: int

    @property
    def seed(self) -> int:
        return self.run // RENEWED

    @property
    def var(self) -> Floats:
        return -ndtri(self.level) * self.scale

    @property
    def u(self) -> Floats:
        return ndtr(self.y / self.scale)


@lru_cache(maxsize=1)
def histories(n: int, seed: int) -> Floats:
    """Standard normal histories: in units of the forecast scale the predictive distribution of every day."""
    return stream(seed, "benchmark histories", n).standard_normal((499, n))


def shortfall(sample: Sample, kind: Kind, against: Against = "worse") -> bt.TestResult:
    q = float(-ndtri(sample.level))
    es = np.exp(-(q**2) / 2) / np.sqrt(2 * np.pi) / sample.level
    drawn = histories(len(sample.y), sample.run // HISTORIES)
    return bt.acerbi_szekely(
        sample.y / sample.scale, q, es, drawn, level=sample.level, kind=kind, against=against, seed=sample.run
    )


RISK: dict[str, Callable[[Sample], bt.TestResult]] = {
    "Kupiec": lambda s: bt.unconditional_coverage(s.y, s.var, level=s.level),
    "Christoffersen independence": lambda s: bt.independence(s.y, s.var, level=s.level),
    "Christoffersen conditional": lambda s: bt.conditional_coverage(s.y, s.var, level=s.level),
    "dynamic quantile": lambda s: bt.dynamic_quantile(s.y, s.var, level=s.level, draws=199, seed=s.run),
    "Acerbi-Székely Z1": lambda s: shortfall(s, "Z1"),
    "Acerbi-Székely Z2": lambda s: shortfall(s, "Z2"),
    "Acerbi-Székely Z2, any": lambda s: shortfall(s, "Z2", "any"),
    "spectral shortfall": lambda s: bt.spectral_shortfall(s.u, level=s.level, seed=s.seed),
    "Berkowitz tail": lambda s: bt.berkowitz_tail(s.u, level=s.level, seed=s.seed),
}
WHOLE: dict[str, Callable[[Sample], bt.TestResult]] = {
    "Berkowitz": lambda s: bt.berkowitz(s.u, seed=s.seed),
    "Anderson-Darling": lambda s: bt.anderson_darling(s.u, seed=s.seed),
    "Kolmogorov-Smirnov": lambda s: bt.kolmogorov_smirnov(s.u),
}


def returns(world: str, n: int, count: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield returns and the scales that are forecast for them."""
    draws, shape = stream(0, f"benchmark {world}", n), (count, n)
    shocks = draws.standard_t(4, shape) / np.sqrt(2) if world == "thin" else draws.standard_normal(shape)
    y, scale, variance = np.empty(shape), np.empty(shape), np.ones(count)
    for t in range(n):
        scale[:, t] = np.sqrt(variance)
        y[:, t] = scale[:, t] * shocks[:, t]
        variance = 0.05 + 0.1 * y[:, t] ** 2 + 0.85 * variance
    still = np.broadcast_to(y.std(-1, keepdims=True), shape)
    yield from zip(y, {"low": 0.85 * scale, "still": still}.get(world, scale), strict=True)


def risk(name: str, n: int, level: float, world: str, count: int) -> float:
    """The share of forecasts that a test rejects."""
    test = (RISK | WHOLE)[name]
    p = [test(Sample(y, s, level, run)).p_value for run, (y, s) in enumerate(returns(world, n, count))]
    return float(np.mean(np.array(p) <= 0.05))


def squares(draws: np.random.Generator, n: int, horizon: int, gap: float) -> Floats:
    """Squared errors (2, n) of forecasts so many days ahead; the second's are larger by the gap."""
    errors = lfilter(np.ones(horizon), [1.0], draws.standard_normal((2, n + horizon)))[:, horizon:]
    return errors**2 * np.array([[1.0], [1.0 + gap]])


def storms(draws: np.random.Generator, n: int) -> Floats:
    """Losses that come in good and bad times: an AR(1) of 0.5."""
    return lfilter([1.0], [1.0, -0.5], draws.standard_normal(n + 50))[50:]


def scores(draws: np.random.Generator, n: int, kind: str) -> Floats:
    """Differences of log scores of mean 0: heavy-tailed, or seldom badly wrong."""
    return draws.standard_t(4, n) / np.sqrt(2) if kind == "heavy" else 1.6487 - draws.lognormal(0, 1, n)


def claimed(d: Floats, draws: int = 399) -> float:
    return 0.0 if bt.edges({"own": d}, draws=draws)["own"].claimed else 1.0


Comparison = Callable[[np.random.Generator, int, float], float]
COMPARISONS: dict[str, tuple[Comparison, float, str, tuple[float, float]]] = {
    "DM, h = 1": (lambda g, n, gap: bt.diebold_mariano(*squares(g, n, 1, gap)).p_value, 0.3, "MSE 30 % larger", SIZE),
    "DM, h = 5": (
        lambda g, n, gap: bt.diebold_mariano(*squares(g, n, 5, gap), horizon=5).p_value, 0.6, "MSE 60 % larger", SIZE
    ),
    "DM, automatic lag, AR(1)": (
        lambda g, n, gap: bt.diebold_mariano(storms(g, n) + gap, np.zeros(n), memory="automatic").p_value,
        0.3, "mean 0.26 sd", SIZE,
    ),
    "edge, heavy tails": (lambda g, n, gap: claimed(scores(g, n, "heavy") + gap), 0.15, "mean 0.15 sd", CLAIMS),
    "edge, seldom badly wrong": (lambda g, n, gap: claimed(scores(g, n, "skewed") + gap), 0.32, "mean 0.15 sd", CLAIMS),
    "deflated Sharpe, 1 trial": (
        lambda g, n, gap: bt.deflated_sharpe(g.standard_t(5, n) / np.sqrt(5 / 3) + gap, trials=1).p_value,
        0.1, "Sharpe 0.1 a day", SIZE,
    ),
}  # fmt: skip


def comparison(name: str, n: int, gap: float, count: int) -> float:
    """The share of samples in which a difference is found."""
    test = COMPARISONS[name][0]
    return float(np.mean([test(stream(run, f"benchmark {name}", n, gap > 0), n, gap) <= 0.05 for run in range(count)]))


def marked(share: float, line: tuple[float, float]) -> str:
    return f"{share:8.2%}{' ' if line[0] <= share <= line[1] else '*'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="250 days and 500 samples")
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="rows whose name contains one of these")
    options = parser.parse_args()
    count, lengths = (500, (250,)) if options.quick else (options.samples, (250, 1_000))
    began = time.perf_counter()
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        asked = [
            (name, n, level, [pool.submit(risk, name, n, level, w, _count(w, count)) for w in WORLDS])
            for name in _chosen([*RISK, *WHOLE], options.only)
            for n in lengths
            for level in ((0.01, 0.05) if name in RISK else (0.5,))
        ]
        compared = [
            (name, n, [pool.submit(comparison, name, n, gap, c) for gap, c in ((0.0, count), (gap, count // SHARE))])
            for name, (_, gap, *_) in COMPARISONS.items()
            if name in _chosen([*COMPARISONS], options.only)
            for n in lengths
        ]
        print(f"{'test':<30}{'days':>6}{'level':>7}{'size':>9}{'low':>10}{'still':>9}{'thin':>9}")
        for name, n, level, found in asked:
            size, *power = (f.result() for f in found)
            tail = f"{level:7.0%}" if name in RISK else " " * 7
            print(f"{name:<30}{n:>6}{tail}{marked(size, SIZE)}{''.join(f'{p:9.1%}' for p in power)}", flush=True)
        print(f"\n{'comparison':<30}{'days':>6}{'size':>9}{'power':>10}  against")
        for name, n, found in compared:
            size, power = (f.result() for f in found)
            *_, against, line = COMPARISONS[name]
            print(f"{name:<30}{n:>6}{marked(size, line)}{power:9.1%}  {against}", flush=True)
    print(f"\n{count} samples a size, {count // SHARE} a power; {time.perf_counter() - began:.0f} s")


def _count(world: str, count: int) -> int:
    return count if world == "true" else count // SHARE


def _chosen(names: list[str], only: list[str] | None) -> list[str]:
    return [name for name in names if not only or any(part in name for part in only)]


if __name__ == "__main__":
    main()
