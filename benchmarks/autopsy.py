"""What do looks cost? A fit that is looked at every 64 steps, so that an autopsy is possible, beside one that is not.

MLP 784-256-256-10, batch 128, Adam at 1e-3, in float32 and with products in bfloat16, two threads.

    python benchmarks/autopsy.py [--rounds 60] [--steps 256]

Looks on and off take turns in one run, each fit of so many steps; the ratio is that of two neighbours, so that what
else the machine does meanwhile falls on both, and the median over all pairs is taken. θ has to have the same bytes. The
goal is an overhead of at most 2 %.

A look reads θ and the rule's memory once for a norm and copies them. That is timed by itself as well, as a share of 64
steps of the faster of its neighbours.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from _common import THREADS

import likeliest as lk
from likeliest.autopsy import EVERY, Look
from likeliest.randomness import stream

ROWS, SIZES, BATCH, LR = 20_000, (784, 256, 256, 10), 128, 1e-3
course = importlib.import_module("likeliest.course")


def main(rounds: int, steps: int) -> None:
    """Print a line for each precision."""
    rng = np.random.default_rng(0)
    y = torch.from_numpy(rng.integers(SIZES[-1], size=ROWS))
    centres = 0.35 * rng.standard_normal((SIZES[-1], SIZES[0]))
    x = torch.from_numpy((centres[y] + rng.standard_normal((ROWS, SIZES[0]))).astype(np.float32)).clamp_min(0)
    print(f"{THREADS} threads, {rounds} pairs of {steps} steps")
    for compute in (None, "bfloat16"):
        objective = lk.Objective(lk.family("categorical"), lk.MLP(SIZES, compute=compute), x, y)
        report(objective, str(compute or "float32"), rounds, steps)


def report(objective: lk.Objective, name: str, rounds: int, steps: int) -> None:
    """Time pairs, and a look by itself."""
    pairs = []
    fitted(objective, steps)
    for k in range(rounds):
        first, second = (True, False) if k % 2 else (False, True)
        seconds = {looked_at: timed(objective, steps, looked_at) for looked_at in (first, second)}
        assert torch.equal(seconds[True][1], seconds[False][1]), "a look has changed θ"
        pairs.append((seconds[True][0], seconds[False][0]))
    on, off = np.array(pairs).T
    low, middle, high = np.quantile(on / off, (0.25, 0.5, 0.75))
    step = float(np.median(off)) / steps
    look = a_look(objective)
    print(
        f"{name:9} step {1e6 * step:6.0f} µs  on/off {middle:.4f} (quartiles {low:.4f}, {high:.4f})  "
        f"a look {1e6 * look:5.0f} µs = {look / (EVERY * step):.2%} of {EVERY} steps",
        flush=True,
    )


def timed(objective: lk.Objective, steps: int, looked_at: bool) -> tuple[float, torch.Tensor]:
    """Seconds of a fit, without measuring, and its θ."""
    with looks(looked_at):
        found = fitted(objective, steps)
    return found.seconds, found.theta


def fitted(objective: lk.Objective, steps: int) -> lk.Fit:
    """A fit of so many steps, measured at its ends alone."""
    rule = lk.rule("adam", lr=LR)
    return lk.fit(
        objective, rule, batch_size=BATCH, budget=lk.Budget(steps=steps), measure_every=[steps], measured_rows=BATCH
    )


@contextmanager
def looks(on: bool) -> Iterator[None]:
    """With looks as always, or without."""
    every, course.EVERY = course.EVERY, EVERY if on else 10**9
    try:
        yield
    finally:
        course.EVERY = every


def a_look(objective: lk.Objective, times: int = 200) -> float:
    """Median seconds of one look, between two walks through memory as large as a step's."""
    theta = objective.predictor.init([stream(0, "init")])[0]
    state = lk.rule("adam").init(theta, objective.predictor)
    look, other, seconds = Look.at_start(theta, None, state), torch.zeros(2_000_000), []
    for _ in range(times):
        other.add_(1.0)
        began = time.perf_counter()
        look.fine(theta, None, state)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--steps", type=int, default=256)
    main(**vars(parser.parse_args()))
