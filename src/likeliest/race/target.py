"""From curves to works: which setting of a rule counts, what all of them have to reach, and when each seed reached it.

The best setting of all is the one whose best validation NLL has the smallest median over seeds. On every seed the
target lies 95 % of the way from the seed's start to where that setting got:

    target_s = start_s − 0.95 · (start_s − best_s)

for a seed's own validation rows set its level, and one number for all of them would race the splits and not the rules.
A rule enters with one learning rate for all seeds: the one of least median work to the target, a miss counting as ∞;
among equals the one of lower median best NLL, and among those the smallest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likeliest.race.trials import Floats, Trials

SHARE = 0.95
"""How much of the way from the start to the best NLL leads to the target."""


@dataclass(frozen=True)
class Target:
    """Validation NLLs by seed (S,): at the start, and the best of the best setting."""

    start: Floats
    best: Floats

    @property
    def by_seed(self) -> Floats:
        """What each seed has to reach (S,); −∞ where the best setting got nowhere, so that nobody reaches it."""
        gain = self.start - self.best
        return np.where(gain > 0, self.start - SHARE * gain, -np.inf)

    @property
    def median(self) -> float:
        """The target at the medians of start and best."""
        start, best = float(np.median(self.start)), float(np.median(self.best))
        return start - SHARE * (start - best)

    @classmethod
    def of(cls, raced: Sequence[Sequence[Trials]]) -> Target | None:
        """Set the target of a race from the trials, by seed, of each rule that minimises the NLL.

        Returns:
            None where no rule lowered the NLL of half of the seeds, or none was there.
        """
        settings = [best for trials in raced for best in best_values(trials).T]
        if not settings:
            return None
        best = min(settings, key=np.median)
        start = np.array([trial.curves[0].start for trial in raced[0]])
        return cls(start, best) if np.median(start - best) > 0 else None


def best_values(trials: Sequence[Trials]) -> Floats:
    """The best value of each seed and setting: (S, R)."""
    return np.array([[curve.best for curve in trial.curves] for trial in trials])


def works(trials: Sequence[Trials], target: Target) -> Floats:
    """Work to the target of each seed and setting, (S, R); ∞ for a miss."""
    goals = target.by_seed.tolist()
    return np.array([[curve.work_to(goal) for curve in t.curves] for t, goal in zip(trials, goals, strict=True)])


def choose(trials: Sequence[Trials], target: Target | None) -> int:
    """Return the setting of a rule that counts.

    Without a target, as for a rule that is ranked by error, it is the one of the smallest median best value.
    """
    best = np.median(best_values(trials), 0)
    if target is None:
        return int(np.argmin(best))
    return int(np.lexsort((best, np.median(works(trials, target), 0)))[0])
