"""What the benchmarks share: two threads for everybody, contenders in turn, medians, and ratios."""

from __future__ import annotations

import os

THREADS = 2
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, str(THREADS))

import time  # noqa: E402 (threads are counted when the libraries load)
from collections.abc import Callable, Mapping  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(THREADS)
torch.set_flush_denormal(True)


def in_turn(contenders: Mapping[str, Callable[[], float]], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Run all contenders one after another, `rounds` times; each returns its score.

    Returns:
        Median seconds and median score of each. Every contender is warmed up once before.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    scores: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender()
    for _ in range(rounds):
        for name, contender in contenders.items():
            began = time.perf_counter()
            scores[name].append(contender())
            seconds[name].append(time.perf_counter() - began)
    return ({n: float(np.median(s)) for n, s in seconds.items()}, {n: float(np.median(s)) for n, s in scores.items()})


def print_ratios(
    seconds: Mapping[str, float], scores: Mapping[str, float], ours: str, score: str, unit: float = 1.0
) -> None:
    """Print each contender's median time, our time as a share of it, and its score."""
    print(f"{'contender':<34}{'median s':>10}{'ours / it':>11}{score:>20}")
    for name, value in seconds.items():
        print(f"{name:<34}{value / unit:>10.4f}{seconds[ours] / value:>11.3f}{scores[name]:>20.4f}")
