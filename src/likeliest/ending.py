"""Why a fit ended, in words and numbers: one verdict a run."""

from __future__ import annotations

import numpy as np

from likeliest.interfaces import State, Trace, Verdict, VerdictKind
from likeliest.standing import Standing

PERFECT_NLL = 1e-8
"""An unpenalised NLL per unit of weight below this has its infimum, 0, at infinity."""


def verdicts(
    ending: VerdictKind, standing: Standing, state: State, trace: Trace, tolerance: float
) -> tuple[Verdict, ...]:
    """One verdict a run, from how the whole ended and what became of each."""
    runs = len(standing.lost)
    if not trace.records:
        message = "stopped by the user before anything was measured; θ is where it started"
        return (Verdict(ending, message),) * runs
    return tuple(_verdict(r, ending, standing, state, trace, tolerance) for r in range(runs))


def _verdict(r: int, ending: VerdictKind, standing: Standing, state: State, trace: Trace, tolerance: float) -> Verdict:
    first, latest = trace.records[0], trace.records[-1]
    spent = f"{state.step} steps, {latest.work:.1f} passes"
    norm = float(standing.grad_norm[r])
    evidence = {
        "steps": state.step,
        "passes": round(latest.work, 6),
        "value": float(standing.best_value[r]),
        "start": float(first.value[r]),
        **({"gradient_norm": norm} if np.isfinite(norm) else {}),
        **state.evidence,
    }
    if ending is VerdictKind.INTERRUPTED:  # whatever else is true: the user wants the caller to stop, too
        return Verdict(ending, _unfinished(norm, ending, state, spent), evidence)
    if standing.lost[r]:
        seen = "from the start" if not np.isfinite(first.value[r]) else f"within {spent}"
        message = f"the objective became NaN or infinite {seen}; θ is the last finite one; try a smaller learning rate"
        return Verdict(VerdictKind.NON_FINITE, message, evidence)
    if norm <= tolerance or ending is VerdictKind.CONVERGED:
        return Verdict(VerdictKind.CONVERGED, _arrived(norm, state, spent), evidence)
    if standing.plateaued[r]:
        best, waited = standing.best_value[r], standing.patience
        message = f"held-out NLL {best:.6g} did not improve over {waited} measurements; {spent}"
        return Verdict(VerdictKind.PLATEAU, message, evidence)
    if ending is VerdictKind.STOPPED:
        return Verdict(ending, f"stopped by a callback after {spent}; θ is the best so far", evidence)
    if latest.value[r] > first.value[r]:
        rose = f"from {first.value[r]:.4g} to {latest.value[r]:.4g}"
        message = f"the objective rose {rose} in {spent}; lower the learning rate"
        return Verdict(VerdictKind.DIVERGED, message, evidence)
    return Verdict(ending, _unfinished(norm, ending, state, spent), evidence)


def _arrived(norm: float, state: State, spent: str) -> str:
    decrement = state.evidence.get("newton_decrement")
    if state.outcome is None or decrement is None:
        return f"gradient {norm:.1e} after {spent}"
    return f"gradient {norm:.1e}, Newton decrement {decrement:.1e} after {spent}; {state.outcome}"


def _unfinished(norm: float, ending: VerdictKind, state: State, spent: str) -> str:
    far = f"; largest gradient entry {norm:.1e}" if np.isfinite(norm) else ""
    if ending is VerdictKind.INTERRUPTED:
        return f"stopped by the user after {spent}{far}; θ is the best so far"
    if ending is VerdictKind.SEPARATED:
        return f"the NLL fell below {PERFECT_NLL:g} per unit of weight; its infimum lies at infinity; pass l2=1"
    if state.outcome is not None:
        return f"{state.outcome} after {spent}{far}"
    return f"the budget was spent: {spent}{far}; allow more passes to go on"
