"""Class by class on test rows, and what the calibrator changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from likeliest.calibration import class_calibration, top_label_calibration
from likeliest.study.candidate import Candidate, finite
from likeliest.study.ground import Ground
from likeliest.study.said import Said

if TYPE_CHECKING:
    from likeliest.report.schema import Calibrated, ClassReport

MOST = 100


def class_reports(ground: Ground, chosen: Candidate) -> list[ClassReport]:
    """How each class fared."""
    said, classes = ground.said(chosen.model, ground.split.test), ground.examples.target.classes or ()
    p, predicted = said.probabilities, said.predicted
    assert p is not None
    calibrations = class_calibration(p[:, :MOST], said.y, seed=ground.plan.seed)
    reports: list[ClassReport] = []
    for k, name in enumerate(classes[:MOST]):
        own, named = said.y == k, predicted == k
        both = int((own & named).sum())
        reports.append(
            {
                "name": str(name),
                "rows": int(own.sum()),
                "recall": both / int(own.sum()) if own.any() else None,
                "precision": both / int(named.sum()) if named.any() else None,
                "given": float(p[:, k].mean()),
                "share": float(own.mean()),
                "ece": calibrations[k].ece,
                "ece_interval": list(calibrations[k].ece_interval),
                "mistaken_for": _mistaken(said, k, classes),
            }
        )
    return reports


def _mistaken(said: Said, k: int, classes: tuple[object, ...]) -> str | None:
    wrong = said.predicted[(said.y == k) & ~said.right]
    return str(classes[int(np.bincount(wrong).argmax())]) if len(wrong) else None


def calibrated_json(ground: Ground, chosen: Candidate) -> Calibrated | None:
    """The calibrator's choice, and the test rows without and with it; None where nothing was to be calibrated."""
    choice = chosen.calibration
    if choice is None:
        return None
    test = ground.split.test
    after, before = ground.said(chosen.model, test), ground.said(chosen.uncalibrated, test)
    p_before, p_after = before.probabilities, after.probabilities
    assert p_before is not None
    assert p_after is not None
    eces = [top_label_calibration(p, after.y, seed=ground.plan.seed).ece for p in (p_before, p_after)]
    return {
        "kind": choice.calibrator.kind,
        "statement": choice.statement,
        "rows": choice.rows,
        "trials": [
            {"kind": t.kind, "nll": t.nll, "gain": t.gain, "standard_error": t.standard_error} for t in choice.trials
        ],
        "nll_before": finite(before.nll),
        "nll_after": finite(after.nll),
        "ece_before": eces[0],
        "ece_after": eces[1],
    }
