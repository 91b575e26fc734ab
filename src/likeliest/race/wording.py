"""What a race says in words: a verdict for each rule, and the conclusion."""

from __future__ import annotations

from collections.abc import Sequence

from likeliest.race.comparing import ALPHA, Comparison
from likeliest.race.result import Row


def verdict(reached: int, seeds: int, *, by_error: bool, moved: bool) -> str:
    """Return how a rule did, as a phrase.

    Args:
        reached: seeds that reached the target.
        seeds: how many there were.
        by_error: whether the rule is ranked by error.
        moved: whether its median best NLL lies below the start.
    """
    if by_error:
        return "ranked by held-out error"
    if not moved:
        return "never got below its start"
    if reached == seeds:
        return "reached the target"
    return f"missed the target in {seeds - reached} of {seeds} seeds"


def conclusion(
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
    *,
    reference: str | None,
    target: float | None,
    budget: float,
    seeds: int,
) -> str:
    """Return what the race shows, rule by rule, and how far that reaches."""
    first = next((row for row in rows if row.rule == reference), None)
    if first is None or target is None:
        opening = ["No rule got 95 % of the way to the best validation NLL in most of the seeds: no winner is named."]
    else:
        opening = [
            f"{first.rule} took the least work to the target, a validation NLL of {target:.4g}: "
            f"a median of {first.work_to_target:.3g} passes over the training rows."
        ]
    ranked = [row for row in rows if row.criterion != "nll"]
    by_error = f"Ranked by held-out error, for they minimise no NLL: {_errors(ranked)}." if ranked else ""
    edge = ", ".join(row.rule for row in rows if row.at_edge and row.criterion == "nll")
    caution = f"Best at the end of the learning rates tried, so that a wider range might help: {edge}." if edge else ""
    scope = f"This speaks for these data, this model and a budget of {budget:g} passes only."
    return " ".join(part for part in (*opening, *_compared(comparisons, seeds), by_error, caution, scope) if part)


def _compared(comparisons: Sequence[Comparison], seeds: int) -> list[str]:
    judged = [one for one in comparisons if one.p_holm is not None]
    if not judged:
        return ["One seed has no spread: nothing is said on differences."] if comparisons else []
    slower = [f"{one.rule} ({one.statement.split(' times')[0]})" for one in judged if one.slower]
    same = [one.rule for one in judged if one.statement == "no difference shown"]
    how = f"paired t over {seeds} seeds, Holm over {len(judged)} rules, family-wise {100 * ALPHA:g} %"
    return [
        f"Slower, with the ratio of works ({how}): {', '.join(slower)}." if slower else "",
        f"No difference shown{'' if slower else f' ({how})'}: {', '.join(same)}." if same else "",
    ]


def _errors(rows: Sequence[Row]) -> str:
    return ", ".join(row.rule if row.error is None else f"{row.rule} ({row.error:.3g})" for row in rows)
