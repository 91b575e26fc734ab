"""Which calibrator, if any: cross-validated likelihood on the held-out rows, and a rule against luck."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.calibration.base import Calibrator, Floats, Identity, held_out, log_of
from likeliest.calibration.beta import Beta
from likeliest.calibration.isotonic import Isotonic
from likeliest.calibration.temperature import Temperature
from likeliest.calibration.venn_abers import VennAbers
from likeliest.errors import UnknownNameError
from likeliest.randomness import stream

CALIBRATORS: Mapping[str, type[Calibrator]] = {c.kind: c for c in (Identity, Temperature, Beta, Isotonic, VennAbers)}
"""By name, in rising freedom."""
FOLDS = 5


def from_json(values: Mapping[str, Any]) -> Calibrator:
    """Return the calibrator whose `to_json` gave these values.

    Raises:
        UnknownNameError: there is no calibrator of that kind.
        SpecificationError: its numbers are none of such a calibrator.

    Example:
        >>> from_json({"kind": "temperature", "temperature": 1.5})
        Temperature(temperature=1.5)
    """
    if values["kind"] not in CALIBRATORS:
        raise UnknownNameError(f"no calibrator goes by {values['kind']!r}; there are {', '.join(CALIBRATORS)}")
    return CALIBRATORS[values["kind"]].from_json(values)


@dataclass(frozen=True, slots=True)
class Trial:
    """A calibrator in cross-validation.

    Attributes:
        kind: its name.
        nll: mean negative log-likelihood of rows that it was not fitted on.
        gain: how much lower that is than the NLL of the probabilities as they are.
        standard_error: of the gain, from the differences row by row.
    """

    kind: str
    nll: float
    gain: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The calibrator chosen, and what it was chosen by.

    Attributes:
        calibrator: fitted to all rows.
        trials: the candidates in rising freedom.
        rows: how many rows it was fitted to.
        statement: what was chosen and why, in a sentence.
        nll: of each row under such a calibrator fitted to the other folds, (n,).
    """

    calibrator: Calibrator
    trials: tuple[Trial, ...]
    rows: int
    statement: str
    nll: Floats = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports and the notes of a model hold them; the calibrator goes by its name."""
        trials = [asdict(trial) for trial in self.trials]
        return {"kind": self.calibrator.kind, "trials": trials, "rows": self.rows, "statement": self.statement}


def calibrate(
    p: ArrayLike,
    y: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    seed: int = 0,
    folds: int = FOLDS,
    kinds: Sequence[str] = tuple(CALIBRATORS),
) -> Choice:
    """Choose a calibrator by cross-validated NLL and fit it to all rows.

    The candidates stand in rising freedom, the first being none at all. Each takes the place of the one chosen so far
    if it lowers the cross-validated NLL by more than one standard error of the paired difference: a gain that luck
    explains is no gain, and a freer curve that is only as good waits for more rows. On the hundred fits of
    ``benchmarks/calibration.py --seeds 10`` the smallest NLL alone made 11 worse, one beyond two standard errors; this
    rule made 4 worse, none beyond, and kept nineteen twentieths of the gain. Folds are dealt along the rows sorted by
    the probability given to the true class, so that each has its share of the errors.

    Args:
        p: probabilities (n, K), or of class 1 of two (n,), on held-out rows that decided nothing of the classifier.
        y: indices of the true classes (n,).
        weight: how many rows each row stands for, (n,) ≥ 0.
        seed: names the folds; the order of rows changes nothing.
        folds: at least 2; with fewer than two rows a fold nothing is calibrated.
        kinds: names of candidates, of `CALIBRATORS`.

    Source: Stone (1974), Cross-validatory choice and assessment of statistical predictions; Breiman and others (1984),
    Classification and regression trees, section 3.4.3, for the standard error.

    Raises:
        ShapeError: p, y and weights do not fit together.
        SupportError: rows of p are no probabilities, or y names no class of p.
        UnknownNameError: there is no calibrator of that name.

    Example:
        >>> p, y = np.full((200, 2), (0.99, 0.01)), np.arange(200) % 4 == 0
        >>> found = calibrate(p, y, kinds=("none", "temperature"))
        >>> found.statement
        'Chosen of 2 by cross-validation on 200 rows: temperature, NLL 0.562 where it was 1.159 without.'
    """
    if unknown := set(kinds) - set(CALIBRATORS):
        raise UnknownNameError(f"no calibrator goes by {sorted(unknown)}; there are {', '.join(CALIBRATORS)}")
    p, y, w = held_out(p, y, weight)
    n, share = len(y), w / w.sum()
    fold = _dealt(n, folds, seed)
    candidates = [kind for kind in CALIBRATORS if kind == Identity.kind or (kind in kinds and n >= 2 * folds)]
    nll = {kind: _out_of_fold_nll(CALIBRATORS[kind], p, y, w, fold) for kind in candidates}
    chosen = Identity.kind
    for kind in candidates[1:]:
        gain, error = _paired(nll[chosen] - nll[kind], share)
        chosen = kind if gain > error else chosen
    trials = tuple(
        Trial(kind, float(share @ nll[kind]), *_paired(nll[Identity.kind] - nll[kind], share)) for kind in candidates
    )
    return Choice(CALIBRATORS[chosen].fit(p, y, w), trials, n, _statement(chosen, trials, n), nll[chosen])


def nll_of(p: Floats, y: NDArray[np.int64]) -> Floats:
    """Return −log p_y of each row (n,); a probability of 0 counts as the least there is."""
    return -log_of(p)[np.arange(len(y)), y]


def _dealt(n: int, folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row: every run of rows as long as there are folds goes to all of them."""
    runs = np.tile(np.arange(folds), (math.ceil(n / folds), 1))
    return stream(seed, "calibration folds").permuted(runs, axis=1).ravel()[:n]


def _out_of_fold_nll(
    calibrator: type[Calibrator], p: Floats, y: NDArray[np.int64], w: Floats, fold: NDArray[np.int64]
) -> Floats:
    """Return the NLL (n,) of each row under the calibrator fitted to the other folds."""
    if calibrator is Identity:
        return nll_of(p, y)
    nll = np.empty(len(y))
    for k in np.unique(fold):
        own = fold == k
        nll[own] = nll_of(calibrator.fit(p[~own], y[~own], w[~own]).apply(p[own]), y[own])
    return nll


def _paired(difference: Floats, share: Floats) -> tuple[float, float]:
    """Return the weighted mean of differences row by row, and its standard error."""
    mean = float(share @ difference)
    return mean, math.sqrt(float(np.square(share) @ np.square(difference - mean)))


def _statement(chosen: str, trials: Sequence[Trial], n: int) -> str:
    if len(trials) == 1:
        return f"Not calibrated: {n} rows are too few to choose by."
    nll = {trial.kind: trial.nll for trial in trials}
    said = f"of {len(trials)} by cross-validation on {n} rows"
    if chosen == Identity.kind:
        return f"Not calibrated: {said} none lowers the NLL of {nll[chosen]:.3f} by more than its standard error."
    name = chosen.replace("_", "–")
    return f"Chosen {said}: {name}, NLL {nll[chosen]:.3f} where it was {nll[Identity.kind]:.3f} without."
