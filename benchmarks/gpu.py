"""What does capturing a step save on CUDA? Seconds an epoch, steps played back against steps taken one by one.

    python benchmarks/gpu.py [--rounds 5] [--epochs 5]

MLPs of the same shapes as on the processor, and a residual net on made-up pictures that are shifted and mirrored, all
data on the device. PyTorch's fused Adam takes the same steps on the same batches of its own shuffling. Every contender
trains from scratch in each round, and is scored on the same 10,000 held-out rows.

Measured on one H100 (torch 2.11), in the order of the tables: 0.14 and 0.26 of torch eager with fused Adam, 0.24, 0.44
and 0.51 of our own steps one by one. A step of the first net takes 170 µs, all of it the device's.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from _common import in_turn, print_ratios
from mlp_epoch import CLASSES, HELD_OUT, INPUTS, LR, ROWS, learnable

import likeliest as lk
from likeliest import augment, capture
from likeliest.predictors import Predictor

NEVER = 10**9


def main(rounds: int, epochs: int) -> None:
    """Print a table a net."""
    print(torch.cuda.get_device_name())
    x, y = (torch.from_numpy(a).cuda() for a in learnable())
    train, test = slice(0, ROWS), slice(ROWS, None)

    def ours(net: Predictor, rows: torch.Tensor, batch: int, captured: bool, **more: object) -> float:
        objective = lk.Objective(lk.family("categorical"), net, rows[train], y[train], **more)
        with capturing(captured):
            found = lk.fit(objective, lk.rule("adam", lr=LR), batch_size=batch, budget=epochs)
        eta = torch.cat([net.forward(found.theta, part)[0] for part in rows[test].split(1_000)])
        return float((eta.argmax(1) == y[test]).double().mean())

    def eager(sizes: tuple[int, ...], batch: int, autocast: bool) -> float:
        layers: list[torch.nn.Module] = []
        for wide_in, wide_out in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(wide_in, wide_out), torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers[:-1]).cuda()
        adam = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
        for _ in range(epochs):
            for rows in torch.randperm(ROWS, device="cuda").split(batch):
                with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
                    loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows])
                adam.zero_grad()
                loss.backward()
                adam.step()
        with torch.no_grad():
            return float((net(x[test]).argmax(1) == y[test]).double().mean())

    for hidden, batch in ((256, 128), (1024, 256)):
        sizes = (INPUTS, hidden, hidden, CLASSES)
        print(f"\nMLP {'-'.join(map(str, sizes))}, batch {batch}")
        contenders: dict[str, Callable[[], float]] = {
            "captured": lambda s=sizes, b=batch: ours(lk.MLP(s), x, b, True),
            "captured, bfloat16": lambda s=sizes, b=batch: ours(lk.MLP(s, compute="bfloat16"), x, b, True),
            "one by one": lambda s=sizes, b=batch: ours(lk.MLP(s), x, b, False),
            "torch eager, fused Adam": lambda s=sizes, b=batch: eager(s, b, False),
            "torch eager, bf16 autocast, fused": lambda s=sizes, b=batch: eager(s, b, True),
        }
        _print(contenders, rounds, epochs)

    bytes_of = (x * 255).to(torch.uint8).view(-1, 28, 28, 1)
    chain = augment.Chain((augment.Shift(2), augment.Flip()))
    net = lk.ResidualNet((28, 28, 1), CLASSES, channels=(16, 32, 64, 128), compute="bfloat16")
    print(f"\nresidual net of {net.size:,} parameters, bfloat16, batch 256, shifts and mirrors")
    pictures: dict[str, Callable[[], float]] = {
        who: lambda c=c: ours(net, bytes_of, 256, c, transform=chain)
        for who, c in (("captured", True), ("one by one", False))
    }
    _print(pictures, rounds, epochs)


def _print(contenders: dict[str, Callable[[], float]], rounds: int, epochs: int) -> None:
    seconds, scores = in_turn(contenders, rounds)
    print_ratios(seconds, scores, "captured", f"accuracy of {HELD_OUT:,}", unit=epochs)


@contextmanager
def capturing(wanted: bool) -> Iterator[None]:
    """Let fits capture their steps, or not."""
    worth, capture.WORTH = capture.WORTH, capture.WORTH if wanted else NEVER
    yield
    capture.WORTH = worth


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    main(**vars(parser.parse_args()))
