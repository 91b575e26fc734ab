"""Checkpoints: a mini-batch fit between two steps, as one file from which it goes on as if nothing had happened.

Every random number of a fit has an address of its own, so that θ, the rule's memory, the standing of the best point
and the number of the step are all there is to keep: what is shuffled, dropped or augmented next follows from the step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from likeliest.errors import CheckpointError, SpecificationError
from likeliest.files import atomic_write
from likeliest.interfaces import Record
from likeliest.objective import Objective
from likeliest.rules import Rule

LAYOUT = 1
_AGAIN = "remove the file to start anew, or name another one"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a fit keeps itself, and how often.

    A fit that finds the file goes on from it, and ends with the same bytes as one that was never cut short. The file
    is written to a temporary name, synced and renamed: whatever happens, it is the last whole one.

    Args:
        path: of the file.
        every: steps between two writings; the last step is always written.

    Raises:
        SpecificationError: ``every`` is below 1.

    Example:
        >>> Checkpoint("net.checkpoint", every=500).every
        500
    """

    path: str | Path
    every: int = 1_000

    def __post_init__(self) -> None:
        if self.every < 1:
            raise SpecificationError(f"a checkpoint is written every so many steps, at least 1; found {self.every}")

    def write(self, held: Held) -> None:
        """Write what a fit is now.

        Raises:
            OutputError: the file cannot be written; the one before it is as it was.
        """
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in held.tensors.items()}
        values = {"layout": LAYOUT, "fit": held.fit, "numbers": held.numbers, "trace": [_plain(r) for r in held.trace]}
        atomic_write(Path(self.path), save(tensors, {"checkpoint": json.dumps(values)}))

    def read(self, fit: Mapping[str, Any]) -> Held | None:
        """What a fit of this description left behind; None where there is no file yet.

        Raises:
            CheckpointError: the file is none of ours, is damaged, or belongs to another fit.
        """
        path = Path(self.path)
        if not path.exists():
            return None
        try:
            with safe_open(str(path), framework="pt") as file:
                values = json.loads((file.metadata() or {})["checkpoint"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        except (SafetensorError, KeyError, json.JSONDecodeError, OSError) as error:
            raise CheckpointError(
                f"{path}: expected a checkpoint of a fit, found none ({error!r}); {_AGAIN}"
            ) from error
        if values["layout"] > LAYOUT:
            raise CheckpointError(f"{path}: written by a newer likeliest (layout {values['layout']}); {_AGAIN}")
        for what, wanted in fit.items():
            if values["fit"].get(what) != wanted:
                found = values["fit"].get(what)
                raise CheckpointError(f"{path}: of another fit: its {what} is {found!r}, here {wanted!r}; {_AGAIN}")
        return Held(tensors, values["numbers"], [_record(r) for r in values["trace"]], values["fit"])


@dataclass(frozen=True, slots=True)
class Held:
    """A fit between two steps: its tensors, its numbers, its trace, and which fit it is."""

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]
    trace: list[Record]
    fit: Mapping[str, Any]


def description(objective: Objective, rule: Rule, batch_size: int, seed: int, average: float | None) -> dict[str, Any]:
    """What must be the same for a fit to go on from a checkpoint; how much it may spend is not among it."""
    return {
        "family": objective.family.name,
        "parts": {name: list(part.shape) for name, part in objective.predictor.parts.items()},
        "rows": objective.n,
        "rule": repr(rule),
        "batch_size": batch_size,
        "seed": seed,
        "average": average,
    }


def packed(memory: Mapping[str, Any]) -> dict[str, Tensor]:
    """A rule's memory as tensors by name.

    Raises:
        SpecificationError: the rule remembers something else than tensors.
    """
    if odd := [name for name, value in memory.items() if not isinstance(value, Tensor)]:
        raise SpecificationError(
            f"a checkpoint holds a rule's memory where it is made of tensors; {', '.join(odd)} is not; leave it out"
        )
    return {f"memory.{name}": tensor for name, tensor in memory.items()}


def unpack(memory: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write what was packed back into a rule's fresh memory, in place."""
    for name, own in memory.items():
        own.copy_(tensors[f"memory.{name}"])


def _plain(record: Record) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in record._asdict().items()}


def _record(values: Mapping[str, Any]) -> Record:
    fields: dict[str, Any] = {
        k: np.asarray(v, dtype=np.float64) if isinstance(v, list) else v for k, v in values.items()
    }
    return Record(**fields)
