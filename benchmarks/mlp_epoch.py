"""How long is an epoch of a net?

MLP 784-256-256-10, batch 128, 60,000 rows, f32, Adam at 1e-3, labels that can be learnt.

    python benchmarks/mlp_epoch.py [--rounds 5] [--epochs 2]

Every contender trains from scratch in each round, on the same arrays, with its own shuffling, and is scored on the same
10,000 held-out rows. Denormals are flushed for all.

Measured on two cores with AVX-512 and no AMX, at 95.4 % held-out accuracy for all: 0.75 to 0.85 of torch eager with
fused Adam, 0.55 to 0.63 of scikit-learn. The eight matrix products, the same for all contenders, take more than half of
our step there. The goals are 0.85 and 0.4; the second is not reached on that machine.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import torch
from _common import in_turn, print_ratios
from sklearn.neural_network import MLPClassifier

import likeliest as lk

ROWS, HELD_OUT, INPUTS, HIDDEN, CLASSES, BATCH, LR = 60_000, 10_000, 784, 256, 10, 128, 1e-3


def learnable() -> tuple[np.ndarray, np.ndarray]:
    """Ten classes of noisy prototypes, not negative and half of them 0, as pixels are."""
    rng = np.random.default_rng(0)
    prototypes = rng.standard_normal((CLASSES, INPUTS)).astype(np.float32)
    y = rng.integers(CLASSES, size=ROWS + HELD_OUT)
    x = np.maximum(0.35 * prototypes[y] + rng.standard_normal((len(y), INPUTS), dtype=np.float32), 0)
    flipped = rng.random(len(y)) < 0.05
    return x / x.max(), np.where(flipped, rng.integers(CLASSES, size=len(y)), y)


def main(rounds: int, epochs: int) -> None:
    """Print the table."""
    warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
    x, y = learnable()
    xt, yt = torch.from_numpy(x), torch.from_numpy(y)
    train, test = slice(0, ROWS), slice(ROWS, None)

    def ours() -> float:
        predictor = lk.MLP((INPUTS, HIDDEN, HIDDEN, CLASSES))
        objective = lk.Objective(lk.family("categorical"), predictor, xt[train], yt[train])
        found = lk.fit(objective, lk.rule("adam", lr=LR), batch_size=BATCH, budget=epochs)
        return float((predictor.forward(found.theta, xt[test])[0].argmax(1) == yt[test]).double().mean())

    def eager(fused: bool) -> float:
        layers = [torch.nn.Linear(INPUTS, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, HIDDEN), torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN, CLASSES))
        adam = torch.optim.Adam(net.parameters(), lr=LR, fused=fused)
        own_x, own_y = xt[train], yt[train]
        for _ in range(epochs):
            for rows in torch.randperm(ROWS).split(BATCH):
                loss = torch.nn.functional.cross_entropy(net(own_x[rows]), own_y[rows])
                adam.zero_grad()
                loss.backward()
                adam.step()
        with torch.no_grad():
            return float((net(xt[test]).argmax(1) == yt[test]).double().mean())

    def scikit_learn() -> float:
        net = MLPClassifier((HIDDEN, HIDDEN), batch_size=BATCH, learning_rate_init=LR, alpha=0, max_iter=epochs)
        return float(net.fit(x[train], y[train]).score(x[test], y[test]))

    contenders = {
        "likeliest": ours,
        "torch eager, fused Adam": lambda: eager(True),
        "torch eager, plain Adam": lambda: eager(False),
        "scikit-learn MLPClassifier": scikit_learn,
    }
    seconds, scores = in_turn(contenders, rounds)
    print_ratios(seconds, scores, "likeliest", "held-out accuracy", unit=epochs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    main(**vars(parser.parse_args()))
