"""What an autopsy says: the place of the first number that is not finite, its cause, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

CAUSES = ("start", "input", "target", "precision", "loss", "layer", "exploding_state", "learning_rate")
_SHOWN = 8

REMEDIES = {
    "start": "start from finite numbers of ordinary size; leave theta out to have them drawn",
    "input": "mend or remove the rows, or say where a value is missing",
    "target": "mend or remove the rows",
    "precision": "compute in single precision there (compute=None; float32 in place of half), or take off the maximum "
    "before exponentials",
    "loss": "write log p so that it has a value and a slope at every finite η: torch.xlogy, logsigmoid, softplus, or a "
    "small constant under the log, the root and the fraction",
    "layer": "keep the layer's inputs where it is defined: clamp them, or add a small constant under the log, the "
    "root and the fraction",
    "exploding_state": "start from weights that keep the scale from layer to layer, or from time to time (an "
    "orthogonal recurrence, He's or LeCun's variance), normalise between them, or use a gated cell",
    "learning_rate": "try a smaller learning rate, or clip gradients",
}


@dataclass(frozen=True)
class Autopsy:
    """Why a fit met a number that is not finite, and where first.

    Attributes:
        step: from 1; its evaluation is the first that gave such a number.
        epoch: from 0.
        layer: "x", "y" or "weight" for data; a layer's name as ``predictor.probe`` gives it; "log_prob" or "score".
        phase: "data", "forward", "likelihood", "backward" or "update".
        rows: the objective's rows in that batch that are to blame; empty where the batch goes as a whole, or where no
            row is to blame.
        cause: one of `CAUSES`.
        message: what was found, and what shows that it is the cause.
        remedy: what to do about it.
        last_good: the step after which all was finite; θ of the fit is of that step or of a better one before it.

    Example:
        >>> found = Autopsy(131, 2, "layer2", "forward", (), "learning_rate", "θ grew 10⁵-fold.", "Lower it.", 128)
        >>> print(found)
        step 131 (epoch 3), layer2, forward: learning_rate. θ grew 10⁵-fold. The last good step is 128. Lower it.
    """

    step: int
    epoch: int
    layer: str
    phase: str
    rows: tuple[int, ...]
    cause: str
    message: str
    remedy: str
    last_good: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for reports and model files."""
        return {**asdict(self), "rows": list(self.rows)}

    def __str__(self) -> str:
        rows = f", {named_rows(self.rows)}" if self.rows else ""
        place = f"step {self.step} (epoch {self.epoch + 1}), {self.layer}, {self.phase}{rows}"
        return f"{place}: {self.cause}. {self.message} The last good step is {self.last_good}. {self.remedy}"


def named_rows(rows: Sequence[int]) -> str:
    """The first few rows, in words."""
    shown = ", ".join(str(r) for r in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"
