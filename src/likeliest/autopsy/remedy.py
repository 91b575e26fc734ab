"""What a fit can do about an autopsy by itself, where that is safe, to go on from the last good point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from likeliest.autopsy.findings import Autopsy, named_rows
from likeliest.autopsy.replay import computes_in_half, in_single, slower
from likeliest.interfaces import Verdict
from likeliest.objective import Objective
from likeliest.rules import Rule

MOST = 8
"""Remedies to a fit."""


@dataclass(frozen=True)
class Remedy:
    """One change to a fit: its learning rate halved, rows left out, or single precision all through.

    Attributes:
        kind: "halve", "leave_out" or "single".
        rows: those left out.
    """

    kind: str
    rows: tuple[int, ...] = ()

    @classmethod
    def of(cls, autopsy: Autopsy, to_blame: Tensor, objective: Objective, rule: Rule) -> Remedy | None:
        """The one for an autopsy; None where none is safe, for code of the user's own, or a start, is to blame."""
        if autopsy.cause == "learning_rate" and slower(rule, 2.0) is not None:
            return cls("halve")
        if autopsy.cause in ("input", "target") and autopsy.rows and len(to_blame) < objective.n:
            return cls("leave_out", tuple(to_blame.tolist()))
        if autopsy.cause == "precision" and computes_in_half(objective.predictor):
            return cls("single")
        return None

    def applied(self, objective: Objective, rule: Rule, kept: Tensor | None) -> tuple[Objective, Rule, Tensor | None]:
        """The objective, the rule and the rows that are kept (None: all), with the change."""
        if self.kind == "halve":
            return objective, slower(rule, 2.0) or rule, kept
        if self.kind == "single":
            return in_single(objective), rule, kept
        rows = torch.arange(objective.n, device=objective.x.device) if kept is None else kept
        return objective, rule, rows[~torch.isin(rows, torch.tensor(self.rows, device=rows.device))]

    def __str__(self) -> str:
        if self.kind == "leave_out":
            return f"{named_rows(self.rows)} left out"
        return "the learning rate halved" if self.kind == "halve" else "single precision"

    def to_json(self) -> dict[str, Any]:
        """Plain values, for checkpoints."""
        return {"kind": self.kind, "rows": list(self.rows)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Remedy:
        """Inverse of `to_json`."""
        return cls(values["kind"], tuple(values["rows"]))


def told(verdict: Verdict, autopsies: list[Autopsy], remedies: list[Remedy], lost: bool) -> Verdict:
    """A verdict with what was found on the way, and what was done about it."""
    if not autopsies and not remedies:
        return verdict
    evidence = {**verdict.evidence, **({"autopsy": autopsies[-1].to_json()} if autopsies else {})}
    if remedies:
        evidence["remedies"] = [str(remedy) for remedy in remedies]
    message = verdict.message
    if lost and autopsies:
        message = f"{message.partition(';')[0]}: {autopsies[-1]}"
    if remedies:
        message += f"; it had gone on after {', then '.join(str(remedy) for remedy in remedies)}"
        if autopsies and not lost:
            message += f" ({autopsies[-1]})"
    return replace(verdict, message=message, evidence=evidence)
