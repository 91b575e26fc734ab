"""How well are spoken digits understood, by strangers' voices and by known ones? Every figure of docs/speech.md.

    python benchmarks/speech.py --only strangers customary connected connected_customary --seeds 5

    python benchmarks/speech.py [--only customary] [--seeds 1] [--minutes 5] [--utterances 1200]

Without a word it is one run of a few minutes, single digits in known voices; the line above takes an hour and a half.

The Free Spoken Digit Dataset: 3,000 recordings, six speakers, ten digits, fifty takes. All goes through the verbs, each
in a process of its own: `likeliest fit --model net`, then `likeliest evaluate` on the rows set aside.

- strangers: single digits, each speaker in turn held out whole;
- customary: single digits, takes 0 to 4 held out, whose speakers are learnt from too; as many seeds as are asked for;
- connected: strings of 3 to 7 digits, joined from recordings, each speaker in turn held out whole;
- connected_customary: the same, joined from takes 5 to 49 and from takes 0 to 4.

What is wrong is words: of single digits those named wrongly, of strings S + D + I over the words said. Beside it stand
the NLL of a recording, the calibration error of the probabilities, and what a calibrated model would show at most, 19
times in 20. Strings are read as the model file says, and then by frames alone, with a lexicon, and with a language
model too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import likeliest as lk
from likeliest.data import Recordings, join_recordings, read_recordings, write_recordings
from likeliest.errors import LikeliestError
from likeliest.speech import Lexicon, NGram, Transcriber, error_rates

LAST_TAKE = 4
"""The customary split tests on the takes up to this one."""
TESTED = 200
"""Strings of a speaker who is held out, and of all speakers together in the customary split."""
ORDER, WEIGHT = 3, 0.3
"""Of the language model that strings are read with to compare."""
LINES = {"strangers": 7.0, "customary": 1.0, "connected": 15.0, "connected_customary": 2.0}
"""Per cent of wrong words, on average, at most."""
HEAD = f"{'run':<32}{'rows':>6}{'wrong %':>9}{'interval':>17}{'NLL':>8}{'ECE':>7}{'at most':>9}{'minutes':>9}"


@dataclass(frozen=True)
class Run:
    """One fit: a folder in which rows are set aside for testing, and a seed."""

    name: str
    folder: Path
    seed: int = 0


def rows_where(recordings: Recordings, test: NDArray[np.bool_]) -> tuple[Recordings, Recordings]:
    """Those to learn from, and those to test on."""
    return recordings.take(np.flatnonzero(~test)), recordings.take(np.flatnonzero(test))


def by_speaker(digits: Recordings) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    speakers = np.array(digits.speakers)
    for speaker in np.unique(speakers):
        yield str(speaker), speakers == speaker


def first_takes(digits: Recordings) -> NDArray[np.bool_]:
    return (digits.columns["take"].cast(pl.Int64) <= LAST_TAKE).to_numpy()


def single(digits: Recordings, test: NDArray[np.bool_], folder: Path) -> Path:
    """Write single digits, some set aside."""
    write_recordings(replace(digits, test=np.flatnonzero(test)), folder)
    return folder


def connected(digits: Recordings, test: NDArray[np.bool_], folder: Path, count: int) -> Path:
    """Write strings; those to learn from and those to test on have no recording in common."""
    tables = []
    for part, some, many in zip(("train", "test"), rows_where(digits, test), (count, min(count, TESTED)), strict=True):
        write_recordings(join_recordings(some, count=many, seed=("train", "test").index(part)), folder / part)
        table = pl.read_csv(folder / part / "transcripts.csv").select("file", "text", "speaker")
        (folder / part / "transcripts.csv").unlink()
        tables.append(table.with_columns(file=pl.lit(f"{part}/") + pl.col("file"), split=pl.lit(part)))
    pl.concat(tables).write_csv(folder / "transcripts.csv")
    return folder


def runs(kind: str, digits: Recordings, folder: Path, seeds: int, count: int) -> Iterator[Run]:
    """Every run of a kind, its folder written when its turn comes."""

    def written(test: NDArray[np.bool_], name: str) -> Path:
        if kind.startswith("connected"):
            return connected(digits, test, folder / name, count)
        return single(digits, test, folder / name)

    if kind in ("strangers", "connected"):
        for speaker, test in by_speaker(digits):
            yield Run(f"{kind}, without {speaker}", written(test, speaker))
    else:
        place = written(first_takes(digits), "takes")
        for seed in range(seeds if kind == "customary" else 1):
            yield Run(f"{kind}, seed {seed}", place, seed)


def verb(*words: object) -> dict[str, Any]:
    """What a command says with --json.

    Raises:
        RuntimeError: it failed.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "likeliest", *map(str, words), "--json"], capture_output=True, text=True
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip() or f"exit code {ran.returncode}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def judged(run: Run, minutes: float) -> float:
    """Fit, evaluate and print, for strings also each way to read them; return the share of errors."""
    model, began = run.folder / "model.likeliest", time.perf_counter()
    verb("fit", run.folder, "-o", model, "--model", "net", "--budget", minutes, "--seed", run.seed)
    spent, found = (time.perf_counter() - began) / 60, verb("evaluate", model, run.folder)
    if "wer_test" in found:
        wrong, ends = found["wer_test"], found["wer_interval"]
    else:
        wrong, ends = 1 - found["accuracy_test"], [1 - end for end in reversed(found["accuracy_interval"])]
    sure = found["calibration"]
    print(
        f"{run.name:<32}{found['rows']:>6}{100 * wrong:>9.2f}{_interval(ends):>17}{found['nll_test']:>8.3f}"
        f"{sure['ece']:>7.3f}{sure['ece_interval'][1]:>9.3f}{spent:>9.1f}",
        flush=True,
    )
    if "wer_test" in found:
        for how, rate, ends in read_otherwise(lk.load(model), run.folder):
            print(f"{'  ' + how:<32}{'':>6}{100 * rate:>9.2f}{_interval(ends):>17}", flush=True)
    return float(wrong)


def read_otherwise(model: lk.Model, folder: Path) -> Iterator[tuple[str, float, tuple[float, float] | None]]:
    """Wrong words of the rows set aside by frames alone, with a lexicon, and with a language model too."""
    everything = read_recordings(folder)
    learnt = np.setdiff1d(np.arange(len(everything)), everything.test)
    texts, aside = everything.take(learnt).texts or (), everything.take(everything.test)
    assert model.transcriber is not None
    for how, transcriber in ways(model.transcriber, texts):
        said = replace(model, transcriber=transcriber).predict(aside)
        found = error_rates(aside.texts or (), [str(text) for text in said.labels], groups=aside.speakers)
        yield how, found.rate or 0.0, found.interval and (found.interval.low, found.interval.high)


def ways(known: Transcriber, texts: tuple[str, ...]) -> Iterator[tuple[str, Transcriber]]:
    """Ways to read frames, from the simplest on; where labels are words a lexicon would change nothing."""
    plain = replace(known, lexicon=None, language_model=None, weight=0.0)
    yield "frames alone", plain
    if known.alphabet.unit == "character":
        plain = replace(plain, lexicon=Lexicon.learn(texts, known.alphabet))
        yield "with a lexicon", plain
    yield "and a language model", replace(plain, language_model=NGram.learn(texts, ORDER), weight=WEIGHT)


def _interval(ends: Any) -> str:
    return "–" if ends is None else f"{100 * ends[0]:.2f} to {100 * ends[1]:.2f}"


def main(only: list[str], seeds: int, minutes: float, utterances: int) -> int:
    """Print the table, and the mean of each kind beside its line; return how many do not hold."""
    try:
        digits = read_recordings("fsdd")
    except LikeliestError as error:
        print(f"skipped: {error}")
        return 0
    missed = 0
    print(HEAD)
    for kind in only:
        with tempfile.TemporaryDirectory() as folder:
            wrong = [100 * judged(run, minutes) for run in runs(kind, digits, Path(folder), seeds, utterances)]
        mean, held = float(np.mean(wrong)), float(np.mean(wrong)) <= LINES[kind]
        missed += not held
        print(f"{kind}: {mean:.2f} % on average (line: ≤ {LINES[kind]:g}): {'holds' if held else 'does not hold'}\n")
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=LINES, default=["customary"])
    parser.add_argument("--seeds", type=int, default=1, help="of the customary split of single digits")
    parser.add_argument("--minutes", type=float, default=5.0, help="budget of each fit")
    parser.add_argument("--utterances", type=int, default=1_200, help="strings to learn from")
    arguments = parser.parse_args()
    raise SystemExit(main(arguments.only, arguments.seeds, arguments.minutes, arguments.utterances))
