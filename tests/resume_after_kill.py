"""Kill a fit at random moments with SIGKILL, resume it each time, and compare the bytes of θ with an uninterrupted fit.

    python tests/resume_after_kill.py [--rule adam] [--kills 20] [--seed 0]

The net has batch norm, dropout and augmentation, the fit held-out rows and an average of θ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from safetensors import safe_open

ROWS, BATCH, PASSES = 500, 32, 15
STEPS = PASSES * -(-ROWS // BATCH)
ENOUGH = 0.95
RULES = {"adam": {"lr": 1e-2}, "nesterov": {"lr": 1e-2}, "rmsprop": {"lr": 1e-3}}


def fit(rule: str, path: str | None) -> str:
    """SHA-256 of θ after all passes; a line is printed before the first step."""
    import torch

    import likeliest as lk
    from likeliest import augment
    from likeliest.checkpoint import Checkpoint

    numbers = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (600, 8, 8, 1), generator=numbers, dtype=torch.uint8)
    y = (x[:, :4].float().mean((1, 2, 3)) > x[:, 4:].float().mean((1, 2, 3))).long()
    net = lk.ResidualNet((8, 8, 1), 2, channels=(8, 16), dropout=0.1)
    transform = augment.Chain((augment.Shift(1), augment.Cutout(3), augment.Mixup(0.2, classes=2)))
    objective = lk.Objective(lk.family("categorical"), net, x[:ROWS], y[:ROWS], l2=0.1, transform=transform)
    print("begun", flush=True)
    found = lk.fit(
        objective,
        lk.rule(rule, **RULES[rule]),
        batch_size=BATCH,
        budget=PASSES,
        seed=1,
        validation=objective.held_out(x[ROWS:], y[ROWS:]),
        average=0.98,
        checkpoint=None if path is None else Checkpoint(path, every=5),
    )
    return hashlib.sha256(found.theta.numpy().tobytes()).hexdigest()


def main(rule: str, kills: int, seed: int) -> bool:
    """Print one line a kill, then a summary as JSON; return whether all bytes are equal.

    A kill comes at a moment drawn uniformly from what the fit has left to do; a fit that gets to its end first is
    compared, and the next one starts anew.
    """
    whole = _child(rule, None)
    _begun(whole)
    began = time.perf_counter()
    expected = whole.stdout.readline().strip()
    seconds, moments, done = time.perf_counter() - began, random.Random(seed), 0
    whole.communicate()
    with tempfile.TemporaryDirectory() as folder:
        path, hashes = Path(folder) / "fit.checkpoint", []
        while done < kills:
            kept = _share_done(path)
            child = _child(rule, str(path))
            _begun(child)
            try:
                # A fit that has all but ended is left to end.
                wait = None if kept > ENOUGH else moments.random() * seconds * (1 - kept)
                hashes.append(child.communicate(timeout=wait)[0].strip())
                path.unlink()
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.communicate()
                done += 1
                print(f"kill {done} with {_share_done(path):.0%} kept", flush=True)
        last = _child(rule, str(path))
        _begun(last)
        hashes.append(last.communicate()[0].strip())
    equal = all(found == expected for found in hashes)
    print(json.dumps({"rule": rule, "kills": done, "ends": len(hashes), "sha256": expected, "equal": equal}))
    return equal


def _child(rule: str, path: str | None) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--rule", rule, "--child", path or ""]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _begun(child: subprocess.Popen[str]) -> None:
    """Wait until the imports are done and the fit begins."""
    assert child.stdout is not None
    child.stdout.readline()


def _share_done(path: Path) -> float:
    """How much of the fit its checkpoint holds."""
    if not path.exists():
        return 0.0
    with safe_open(str(path), framework="np") as file:
        return json.loads(file.metadata()["checkpoint"])["numbers"]["step"] / STEPS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rule", default="adam", choices=RULES)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(fit(given.rule, given.child or None))
    else:
        sys.exit(0 if main(given.rule, given.kills, given.seed) else 1)
