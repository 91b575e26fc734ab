"""Kill a fit at random moments with SIGKILL, resume it each time, and compare the bytes of θ with an uninterrupted fit.

    python tests/resume_after_kill.py [--of pictures] [--rule adam] [--kills 20] [--seed 0]

Of pictures the net has batch norm, dropout and augmentation; of texts also masks and layers along time, and recordings
differ in length. The fit has held-out rows and an average of θ.
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

import numpy as np
import torch
from safetensors import safe_open

import likeliest as lk
from likeliest import augment
from likeliest.augment.sounds import Gain, Noise, Room, Speed
from likeliest.checkpoint import Checkpoint
from likeliest.sequences import Ragged

BATCH = 32
ENOUGH = 0.95
RULES = {"adam": {"lr": 1e-2}, "nesterov": {"lr": 1e-2}, "rmsprop": {"lr": 1e-3}}
ROWS = {"pictures": 500, "texts": 120}
PASSES = {"pictures": 15, "texts": 10}


def pictures() -> tuple[lk.Objective, lk.Objective]:
    """The upper half is the brighter one, or not."""
    numbers, rows = torch.Generator().manual_seed(0), ROWS["pictures"]
    x = torch.randint(0, 256, (600, 8, 8, 1), generator=numbers, dtype=torch.uint8)
    y = (x[:, :4].float().mean((1, 2, 3)) > x[:, 4:].float().mean((1, 2, 3))).long()
    net = lk.ResidualNet((8, 8, 1), 2, channels=(8, 16), dropout=0.1)
    transform = augment.Chain((augment.Shift(1), augment.Cutout(3), augment.Mixup(0.2, classes=2)))
    objective = lk.Objective(lk.family("categorical"), net, x[:rows], y[:rows], l2=0.1, transform=transform)
    return objective, objective.held_out(x[rows:], y[rows:])


def texts() -> tuple[lk.Objective, lk.Objective]:
    """One to three tones, of which there are two."""
    draws, rows, rate = np.random.default_rng(0), ROWS["texts"], 2_000
    y = draws.integers(1, 3, (150, 3)) * (np.arange(3) < draws.integers(1, 4, (150, 1)))
    time = np.arange(rate // 5) / rate
    tones = [np.r_[(8_000 * np.sin(2 * np.pi * 200 * tone * time)), np.zeros(99)].astype(np.int16) for tone in range(3)]
    x = Ragged.of([np.concatenate([tones[label] for label in row[row > 0]]) for row in y])
    net = lk.SpeechNet(
        rate, 3, width=8, blocks=1, recurrent=4, stride=4, channels=(4, 8), bins=12, masking={"frames": 4, "bins": 2}
    )
    transform = augment.Chain((Speed((0.9, 1.1), keep=False), Room(rate), Noise(), Gain()))
    objective = lk.Objective(lk.family("ctc"), net, x.subset(np.arange(rows)), y[:rows], transform=transform)
    return objective, objective.held_out(x.subset(np.arange(rows, len(x))), y[rows:])


def fit(of: str, rule: str, path: str | None) -> str:
    """SHA-256 of θ after all passes; a line is printed before the first step."""
    objective, held_out = {"pictures": pictures, "texts": texts}[of]()
    print("begun", flush=True)
    found = lk.fit(
        objective,
        lk.rule(rule, **RULES[rule]),
        batch_size=BATCH,
        budget=PASSES[of],
        seed=1,
        validation=held_out,
        average=0.98,
        checkpoint=None if path is None else Checkpoint(path, every=5),
    )
    return hashlib.sha256(found.theta.numpy().tobytes()).hexdigest()


def main(of: str, rule: str, kills: int, seed: int) -> bool:
    """Print one line a kill, then a summary as JSON; return whether all bytes are equal.

    A kill comes at a moment drawn uniformly from what the fit has left to do; a fit that gets to its end first is
    compared, and the next one starts anew.
    """
    whole = _child(of, rule, None)
    _begun(whole)
    began = time.perf_counter()
    expected = whole.stdout.readline().strip()
    seconds, moments, done = time.perf_counter() - began, random.Random(seed), 0
    whole.communicate()
    with tempfile.TemporaryDirectory() as folder:
        path, hashes = Path(folder) / "fit.checkpoint", []
        while done < kills:
            kept = _share_done(of, path)
            child = _child(of, rule, str(path))
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
                print(f"kill {done} with {_share_done(of, path):.0%} kept", flush=True)
        last = _child(of, rule, str(path))
        _begun(last)
        hashes.append(last.communicate()[0].strip())
    equal = all(found == expected for found in hashes)
    print(json.dumps({"of": of, "rule": rule, "kills": done, "ends": len(hashes), "sha256": expected, "equal": equal}))
    return equal


def _child(of: str, rule: str, path: str | None) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--of", of, "--rule", rule, "--child", path or ""]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _begun(child: subprocess.Popen[str]) -> None:
    """Wait until the imports are done and the fit begins."""
    assert child.stdout is not None
    child.stdout.readline()


def _share_done(of: str, path: Path) -> float:
    """How much of the fit its checkpoint holds."""
    if not path.exists():
        return 0.0
    steps = PASSES[of] * -(-ROWS[of] // BATCH)
    with safe_open(str(path), framework="np") as file:
        return json.loads(file.metadata()["checkpoint"])["numbers"]["step"] / steps


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", default="pictures", choices=ROWS)
    parser.add_argument("--rule", default="adam", choices=RULES)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(fit(given.of, given.rule, given.child or None))
    else:
        sys.exit(0 if main(given.of, given.rule, given.kills, given.seed) else 1)
