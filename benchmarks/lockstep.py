"""What do many small nets cost at once? 60 runs of 64-32-10, batch 32, on digits: in lockstep, and one after another.

    python benchmarks/lockstep.py [--rounds 5] [--epochs 5]

Each run has its own initial θ; lockstep runs share their batches. Claim: 60 runs in lockstep cost at most 0.15 of 60
runs of torch eager with fused Adam, one after another, at an equal accuracy. Torch is timed on six runs, and the time
multiplied by ten.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from _common import in_turn
from sklearn.datasets import load_digits

import likeliest as lk
from likeliest.randomness import stream

RUNS, TIMED, HIDDEN, BATCH, LR = 60, 6, 32, 32, 3e-3


def main(rounds: int, epochs: int) -> None:
    """Print the table."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = torch.tensor(x[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    train, test = slice(0, 1437), slice(1437, None)

    def lockstep(runs: int) -> float:
        predictor = lk.MLP((64, HIDDEN, 10))
        objective = lk.Objective(lk.family("categorical"), predictor, x[train], y[train])
        theta = predictor.init([stream(seed, "init") for seed in range(runs)])
        found = lk.fit(objective, lk.rule("adam", lr=LR), theta=theta, batch_size=BATCH, budget=epochs)
        return float((predictor.forward(found.theta, x[test])[0].argmax(-1) == y[test]).double().mean())

    def eager() -> float:
        own_x, own_y, right = x[train], y[train], []
        for seed in range(TIMED):
            torch.manual_seed(seed)
            net = torch.nn.Sequential(torch.nn.Linear(64, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 10))
            adam = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
            for _ in range(epochs):
                for rows in torch.randperm(len(own_y)).split(BATCH):
                    loss = torch.nn.functional.cross_entropy(net(own_x[rows]), own_y[rows])
                    adam.zero_grad()
                    loss.backward()
                    adam.step()
            with torch.no_grad():
                right.append(float((net(x[test]).argmax(1) == y[test]).double().mean()))
        return float(np.mean(right))

    contenders = {f"likeliest, {r} in lockstep": (lambda r=r: lockstep(r)) for r in (1, 6, RUNS)}
    seconds, scores = in_turn(contenders | {"torch": eager}, rounds)
    steps = epochs * -(-1437 // BATCH)
    sequential = seconds.pop("torch") * RUNS / TIMED
    print(f"{'contender':<34}{'µs a step, run':>15}{'of 60 torch runs':>18}{'held-out accuracy':>19}")
    for name, runs in zip(seconds, (1, 6, RUNS), strict=True):
        each = seconds[name] / runs
        print(f"{name:<34}{1e6 * each / steps:>15.1f}{each * RUNS / sequential:>18.3f}{scores[name]:>19.4f}")
    each = 1e6 * sequential / RUNS / steps
    print(f"{'torch eager, one after another':<34}{each:>15.1f}{1.0:>18.3f}{scores['torch']:>19.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    main(**vars(parser.parse_args()))
