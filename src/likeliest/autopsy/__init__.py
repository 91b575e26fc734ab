"""The autopsy of a fit that met a NaN or an infinity: where first, in which rows, and why.

A fit is looked at now and then (`Look`). Where something is no longer finite, the steps since the last good point are
taken again one by one (`replay`), the first that fails is walked through in the order in which it is computed
(`walk`), and experiments on it decide about the cause (`cause`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from likeliest.autopsy.cause import fail_anywhere, ruling
from likeliest.autopsy.data import suspects
from likeliest.autopsy.findings import CAUSES, REMEDIES, Autopsy
from likeliest.autopsy.look import EVERY, Look, Snapshot
from likeliest.autopsy.place import Failure, locate
from likeliest.autopsy.remedy import Remedy, told
from likeliest.autopsy.replay import Scene
from likeliest.autopsy.rollback import usable

__all__ = ["CAUSES", "EVERY", "Autopsy", "Look", "Remedy", "Scene", "Snapshot", "examine", "told", "usable"]


def examine(scene: Scene) -> tuple[Autopsy, Tensor]:
    """Return the autopsy of a run, and all rows of the objective that are to blame as those of the batch are."""
    failure = locate(scene)
    found = ruling(scene, failure)
    layer, phase = found.layer or failure.finding.layer, found.phase or failure.finding.phase
    rows = () if found.rows is None or failure.held_out else tuple(found.rows.tolist())
    step = failure.step
    autopsy = Autopsy(
        step=step,
        epoch=(step - 1) // scene.per_epoch,
        layer=layer,
        phase=phase,
        rows=rows,
        cause=found.cause,
        message=found.because,
        remedy=_sentence(REMEDIES[found.cause]),
        last_good=scene.look.good.step,
    )
    return autopsy, _all_to_blame(scene, failure, autopsy)


def _all_to_blame(scene: Scene, failure: Failure, autopsy: Autopsy) -> Tensor:
    """Rows of any batch that have what the rows named have."""
    if not autopsy.rows:
        return torch.zeros(0, dtype=torch.long)
    if autopsy.phase == "data":
        alike = [s.rows for s in suspects(scene.given, scene.all_rows) if s.layer == autopsy.layer]
        rows: Tensor = torch.cat([*alike, torch.tensor(autopsy.rows, device=scene.measured.device)]).unique()
        return rows
    return fail_anywhere(scene, scene.all_rows)


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."
