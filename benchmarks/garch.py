"""How fast is a GARCH(1,1) with student-t tails fitted, beside arch? And many series in lockstep, beside one by one?

    python benchmarks/garch.py [--rounds 15] [--assets 200] [--threads 2]

Both fit the same 5,000 days from the same variance before the first day, each from its own start, through its public
interface; ours in the returns' own units, arch in per cent, as it asks for. Rounds go in turn; ratios are of medians.
What is compared is fits of equal likelihood: the difference stands beside the ratio, and one above 10⁻⁴ nats in all is
no comparison. In lockstep, simulated series of 2,500 days are fitted as runs, in groups.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import likeliest as lk

ONE, MANY = 1e-4, 1e-5
"""Of the gradient per day: the first leaves 10⁻⁸ nats of the 5,000 days, the second less than 10⁻⁴ of any simulated."""
GROUPS = (10, 25, 50)


def objective_of(r: np.ndarray) -> lk.Objective:
    predictor = lk.Columns(lk.garch(r), log_df_above_two=lk.Constant(start=1.8))
    return lk.Objective(lk.family("standardised_student_t"), predictor, r[..., None], r)


def ours(r: np.ndarray, tolerance: float) -> tuple[lk.Objective, lk.Fit]:
    objective = objective_of(r)
    return objective, lk.fit(objective, "levenberg_marquardt", tolerance=tolerance)


def theirs(r: np.ndarray) -> Any:
    from arch import arch_model

    return arch_model(100 * r, dist="t").fit(disp="off")


def clock(task: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = task()
    return time.perf_counter() - began, found


def one_series(r: np.ndarray, rounds: int) -> None:
    ours(r, ONE), theirs(r)  # whatever loads and compiles on first use
    times: dict[str, list[float]] = {"likeliest": [], "arch": []}
    for _ in range(rounds):
        seconds, (objective, fit) = clock(lambda: ours(r, ONE))
        times["likeliest"].append(seconds)
        seconds, peer = clock(lambda: theirs(r))
        times["arch"].append(seconds)
    own, other = (statistics.median(times[name]) for name in ("likeliest", "arch"))
    likelihood = -float(objective.at(fit.theta).value) * objective.n
    gained = likelihood - (peer.loglikelihood + len(r) * np.log(100))
    print(f"GARCH(1,1), student-t, {len(r):,} days, medians of {rounds}")
    print(f"  likeliest {1e3 * own:.1f} ms, arch {1e3 * other:.1f} ms: ratio {own / other:.2f} (goal 0.6)")
    print(f"  log-likelihood above arch's by {gained:.1e}; ended {fit.verdict.kind} after {fit.state.step} steps\n")


def simulated(days: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    alpha, beta = rng.uniform(0.04, 0.09), rng.uniform(0.84, 0.9)
    h, r, z = 1e-4, np.empty(days), rng.standard_t(6, days) * np.sqrt(4 / 6)
    for t in range(days):
        r[t] = np.sqrt(h) * z[t]
        h = 1e-4 * (1 - alpha - beta) + alpha * r[t] ** 2 + beta * h
    return r


def many_series(assets: int) -> None:
    r = np.stack([simulated(2_500, seed) for seed in range(assets)])
    alone, fits = clock(lambda: [ours(own, MANY)[1] for own in r])
    print(f"{assets} series of {r.shape[1]:,} days: one by one {alone:.1f} s")
    for size in GROUPS:
        seconds, groups = clock(lambda size=size: [ours(r[k : k + size], MANY)[1] for k in range(0, assets, size)])
        theta = torch.cat([group.theta for group in groups])
        worst = max(
            abs(float(objective_of(own).at(together).value - objective_of(own).at(fit.theta).value))
            for own, together, fit in zip(r, theta, fits, strict=True)
        )
        print(
            f"  as runs, {size} at a time: {seconds:.1f} s, ratio {seconds / alone:.2f} (goal 0.5); largest difference "
            f"{worst * r.shape[1]:.1e} nats"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--assets", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        import arch.data.sp500 as data
    except ImportError:
        raise SystemExit("skipped: the peer and its prices come with: pip install arch==8.0.0") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prices = data.load()["Adj Close"].to_numpy()
        one_series(np.diff(np.log(prices))[:5_000], arguments.rounds)
        many_series(arguments.assets)
