"""How fast do nets learn? Four questions, one run, two threads for everybody.

    python benchmarks/nets.py [--only mlp wide mnist fashion] [--rounds 5]

``mlp``      an epoch of 784-256-256-10, batch 128, 60,000 rows: with shuffling, trace and autopsy on
``wide``     an epoch of 784-1024-1024-10, batch 256
``mnist``    from a cold start (imports and first step included) to 97.5 % of 10,000 held-out rows, 784-128-10
``fashion``  the same to 91 % on Fashion-MNIST with a small residual net, against the plain PyTorch recipe: the same net
             in float32, Adam at 1e-3, default layout

The first two learn the same made-up labels, which can be learnt: noise would let units die and measure denormals, which
are flushed for all besides. The last two read the data sets of those names, and are skipped with the words that say how
to get them where they are not installed. Held-out rows there are 10,000 of the 60,000 training pictures. We compute in
bfloat16 where the processor has it, as by default.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

THREADS = 2
ADAM_LR, EPOCHS = 1e-3, 2
COLD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TO_97, TO_91 = 0.975, 0.91


def main(only: list[str], rounds: int) -> None:
    """Print a table a question."""
    for question in only:
        print(f"\n{question}: {QUESTIONS[question].__doc__}", flush=True)
        QUESTIONS[question](rounds)


# Epochs, warm.


def mlp(rounds: int) -> None:
    """Seconds an epoch, MLP 784-256-256-10, batch 128."""
    _epochs((256, 256), 128, rounds, scikit_learn=True)


def wide(rounds: int) -> None:
    """Seconds an epoch, MLP 784-1024-1024-10, batch 256."""
    _epochs((1024, 1024), 256, rounds, scikit_learn=False)


def _epochs(hidden: tuple[int, ...], batch: int, rounds: int, *, scikit_learn: bool) -> None:
    import torch
    from _common import in_turn, print_ratios
    from mlp_epoch import CLASSES, INPUTS, ROWS, learnable

    import likeliest as lk

    x, y = learnable()
    xt, yt = torch.from_numpy(x), torch.from_numpy(y)
    train, test = slice(0, ROWS), slice(ROWS, None)
    sizes = (INPUTS, *hidden, CLASSES)

    def ours(compute: str | None) -> Callable[[], float]:
        def run() -> float:
            predictor = lk.MLP(sizes, compute=compute)
            objective = lk.Objective(lk.family("categorical"), predictor, xt[train], yt[train])
            found = lk.fit(objective, lk.rule("adam", lr=ADAM_LR), batch_size=batch, budget=EPOCHS)
            return float((predictor.forward(found.theta, xt[test])[0].argmax(1) == yt[test]).double().mean())

        return run

    def eager(autocast: bool) -> Callable[[], float]:
        def run() -> float:
            layers: list[torch.nn.Module] = []
            for wide_in, wide_out in itertools.pairwise(sizes):
                layers += [torch.nn.Linear(wide_in, wide_out), torch.nn.ReLU()]
            net = torch.nn.Sequential(*layers[:-1])
            adam = torch.optim.Adam(net.parameters(), lr=ADAM_LR, fused=True)
            own_x, own_y = xt[train], yt[train]
            for _ in range(EPOCHS):
                for rows in torch.randperm(ROWS).split(batch):
                    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                        eta = net(own_x[rows])
                    loss = torch.nn.functional.cross_entropy(eta.float(), own_y[rows])
                    adam.zero_grad()
                    loss.backward()
                    adam.step()
            with torch.no_grad():
                return float((net(xt[test]).argmax(1) == yt[test]).double().mean())

        return run

    def sklearn_net() -> float:
        import warnings

        from sklearn.neural_network import MLPClassifier

        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
        net = MLPClassifier(hidden, batch_size=batch, learning_rate_init=ADAM_LR, alpha=0, max_iter=EPOCHS)
        return float(net.fit(x[train], y[train]).score(x[test], y[test]))

    contenders = {
        "likeliest": ours(lk.preferred_compute()),
        "likeliest, float32": ours(None),
        "torch eager float32, fused Adam": eager(False),
        "torch eager bf16 autocast, fused": eager(True),
        **({"scikit-learn float32": sklearn_net} if scikit_learn else {}),
    }
    seconds, scores = in_turn(contenders, rounds)
    print_ratios(seconds, scores, "likeliest", "held-out accuracy", unit=EPOCHS)


# Cold starts: every contender is a process of its own, and its imports count.


def mnist(rounds: int) -> None:
    """Seconds from a cold start to 97.5 % held-out accuracy on MNIST, MLP 784-128-10, batch 128, Adam at 1e-3."""
    _cold("mnist", {"likeliest": "ours_mnist", "torch eager": "torch_mnist", "scikit-learn": "sklearn_mnist"}, rounds)


def fashion(rounds: int) -> None:
    """Seconds from a cold start to 91 % held-out accuracy on Fashion-MNIST, one small residual net for both."""
    _cold("fashion_mnist", {"likeliest": "ours_fashion", "plain PyTorch": "torch_fashion"}, rounds)


def _cold(name: str, contenders: dict[str, str], rounds: int) -> None:
    import tempfile

    import numpy as np

    from likeliest.data import catalogue

    entry = next(e for e in catalogue() if e.name == name)
    if not entry.installed:
        print(f"  skipped: {name} is not installed; {entry.how_to_get}")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "pictures.npz")
        np.savez(path, **_dealt(name))
        found: dict[str, list[tuple[float, float]]] = {who: [] for who in contenders}
        for _ in range(rounds):
            for who, child in contenders.items():
                found[who].append(_process(child, path))
    ours = median(s for s, _ in found["likeliest"])
    print(f"{'contender':<34}{'median s':>10}{'ours / it':>11}{'accuracy reached':>20}")
    for who, runs in found.items():
        seconds = median(s for s, _ in runs)
        print(f"{who:<34}{seconds:>10.2f}{ours / seconds:>11.3f}{median(a for _, a in runs):>20.4f}")


def _dealt(name: str) -> dict[str, object]:
    """50,000 training pictures to learn from and 10,000 to judge by; the test set is not read."""
    import numpy as np

    from likeliest.data import read_pictures

    pictures = read_pictures(name)
    learning = np.random.default_rng(0).permutation(np.setdiff1d(np.arange(len(pictures)), pictures.test))
    _, y = np.unique(pictures.labels, return_inverse=True)
    return {"x": np.asarray(pictures.pixels)[learning, ..., 0], "y": y[learning].astype(np.int64)}


def _process(child: str, path: str) -> tuple[float, float]:
    environment = {**os.environ, **dict.fromkeys(COLD, str(THREADS))}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--child", child, path], env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, float(json.loads(done.stdout)["accuracy"])


def _arrays(path: str) -> tuple:
    import numpy as np

    with np.load(path) as file:
        x, y = file["x"], file["y"]
    return x[:50_000], y[:50_000], x[50_000:], y[50_000:]


def ours_mnist(path: str) -> float:
    """Measured every quarter of an epoch."""
    import torch

    import likeliest as lk

    torch.set_num_threads(THREADS)
    x, y, held_x, held_y = (torch.from_numpy(a) for a in _arrays(path))
    net = lk.MLP((784, 128, 10), compute=lk.preferred_compute())
    objective = lk.Objective(lk.family("categorical"), net, x.flatten(1).float() / 255, y)
    held_x = held_x.flatten(1).float() / 255

    def reached(progress: lk.Progress) -> bool:
        accuracies.append(float((net.forward(progress.theta, held_x)[0].argmax(1) == held_y).double().mean()))
        return accuracies[-1] >= TO_97

    accuracies: list[float] = []
    lk.fit(
        objective,
        lk.rule("adam", lr=ADAM_LR),
        batch_size=128,
        budget=30,
        measure_every=0.25,
        measured_rows=1_024,
        callbacks=[reached],
    )
    return accuracies[-1]


def torch_mnist(path: str) -> float:
    """Measured every quarter of an epoch, as ours is."""
    import torch

    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)
    x, y, held_x, held_y = (torch.from_numpy(a) for a in _arrays(path))
    x, held_x = x.flatten(1).float() / 255, held_x.flatten(1).float() / 255
    net = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    adam = torch.optim.Adam(net.parameters(), lr=ADAM_LR)
    return _eager_until(net, adam, x, y, held_x, held_y, 128, TO_97, every=98, epochs=30)


def sklearn_mnist(path: str) -> float:
    """Measured every epoch: it offers no finer step."""
    from sklearn.neural_network import MLPClassifier

    x, y, held_x, held_y = _arrays(path)
    x, held_x = (a.reshape(len(a), -1).astype("float32") / 255 for a in (x, held_x))
    net = MLPClassifier((128,), batch_size=128, learning_rate_init=ADAM_LR, alpha=0)
    accuracy = 0.0
    for _ in range(30):
        net.partial_fit(x, y, classes=range(10))
        accuracy = float(net.score(held_x, held_y))
        if accuracy >= TO_97:
            break
    return accuracy


CHANNELS = (16, 32, 64)


def ours_fashion(path: str) -> float:
    """bf16 and channels-last as by default, one-cycle Nesterov, five epochs planned; measured every half epoch."""
    import torch

    import likeliest as lk
    from likeliest.rules import OneCycle

    torch.set_num_threads(THREADS)
    x, y, held_x, held_y = (torch.from_numpy(a) for a in _arrays(path))
    net = lk.ResidualNet((28, 28, 1), 10, channels=CHANNELS, compute=lk.preferred_compute())
    objective = lk.Objective(lk.family("categorical"), net, x[..., None], y, l2=5e-4 * len(y))
    held_x = held_x[..., None].float()

    def reached(progress: lk.Progress) -> bool:
        with torch.no_grad():
            eta = torch.cat([net.forward(progress.theta, part)[0] for part in held_x.split(1_000)])
        accuracies.append(float((eta.argmax(1) == held_y).double().mean()))
        return accuracies[-1] >= TO_91

    accuracies: list[float] = []
    lk.fit(
        objective,
        lk.rule("nesterov", lr=OneCycle(0.1), momentum=0.9),
        batch_size=256,
        budget=4,
        measure_every=0.5,
        measured_rows=1_024,
        callbacks=[reached],
    )
    return accuracies[-1]


def torch_fashion(path: str) -> float:
    """The same layers as torch.nn has them."""
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)

    def block(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    class Residual(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.Sequential(block(width, width), block(width, width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.inner(x)

    a, b, c = CHANNELS
    net = nn.Sequential(
        block(1, a),
        block(a, b), nn.MaxPool2d(2), Residual(b),
        block(b, c), nn.MaxPool2d(2), Residual(c),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(c, 10),
    )  # fmt: skip
    x, y, held_x, held_y = (torch.from_numpy(a) for a in _arrays(path))
    x, held_x = ((a[:, None].float() / 255 - 0.5) / 0.25 for a in (x, held_x))
    adam = torch.optim.Adam(net.parameters(), lr=ADAM_LR)
    return _eager_until(net, adam, x, y, held_x, held_y, 256, TO_91, every=98, epochs=20)


def _eager_until(net, adam, x, y, held_x, held_y, batch: int, target: float, *, every: int, epochs: int) -> float:
    """The training loop that everybody writes, stopped when a held-out accuracy is reached."""
    import torch

    accuracy, step = 0.0, 0
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(batch):
            net.train()
            loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows])
            adam.zero_grad()
            loss.backward()
            adam.step()
            step += 1
            if step % every == 0:
                with torch.no_grad():
                    net.eval()
                    eta = torch.cat([net(part) for part in held_x.split(1_000)])
                accuracy = float((eta.argmax(1) == held_y).double().mean())
                if accuracy >= target:
                    return accuracy
    return accuracy


QUESTIONS = {"mlp": mlp, "wide": wide, "mnist": mnist, "fashion": fashion}
CHILDREN = {f.__name__: f for f in (ours_mnist, torch_mnist, sklearn_mnist, ours_fashion, torch_fashion)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("WHO", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps({"accuracy": CHILDREN[given.child[0]](given.child[1])}))
    else:
        main(given.only, given.rounds)
