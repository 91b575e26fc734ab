"""Chapter 5: learning rules under one protocol."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, heading, listing, note, prose, table
from likeliest.report.formatting import NOTHING, number, plural, setting, span
from likeliest.report.schema import Comparison, Race, RaceRow, Report


def blocks(report: Report) -> list[Block]:
    """Protocol, curves, work to target, paired differences, and what did not run."""
    if "race" not in report:
        return [prose("No learning rules were raced in this study.")]
    return [_protocol(report["race"]), *raced(report["race"])]


def raced(race: Race) -> list[Block]:
    """What came of a race, whatever was raced on."""
    return [
        *_figures(race),
        *([_results(race)] if race["rows"] else []),
        *([_differences(race)] if race["comparisons"] else []),
        note(race["conclusion"], good=bool(race["rows"])),
        *_skipped(race),
    ]


def _protocol(race: Race) -> Block:
    batch = race.get("batch_size")
    batches = f"Rules with mini-batches take {plural(batch, 'row')} at a time." if batch else ""
    start, best = number(race["start"]), number(race["best"])
    way = f"{number(race['target'])}, 95 % of the way from {start} at the start to {best}, the best of all rules."
    goal = "" if race["target"] is None else f"The target is a validation NLL of {way}"
    budget = plural(setting(race["budget"]), "pass", "passes")
    return prose(
        f"Each rule trained the same model ({race['model']}) from {plural(race['seeds'], 'seed')}. A seed has its own",
        "split, first weights and order of batches, and all rules share them, which makes the comparison paired.",
        f"Each rule tried {plural(race['trials'], 'learning rate')} and may spend {budget} over the training rows.",
        batches,
        goal,
    )


def _figures(race: Race) -> list[Block]:
    drawn = []
    if race["curves"]:
        goal = "" if race["target"] is None else f" Dashed: the target, {number(race['target'])}."
        drawn.append(
            figure("race", f"Validation NLL against work: median and range over seeds; the other rules in grey.{goal}")
        )
    if race["rows"]:
        drawn.append(
            figure(
                "work",
                "Work to target: median (dot) and range over seeds. A triangle at the budget: most seeds missed it.",
            )
        )
    return drawn


def _results(race: Race) -> Block:
    by_error = any(row["criterion"] != "nll" for row in race["rows"])
    head = ["rule", "ended", "learning rate", "best NLL", "work to target", "seconds", "reached"]
    rows = [_result(row, race["seeds"], by_error) for row in race["rows"]]
    caption = "Medians over seeds, best rule first. Seconds come from running the chosen setting again, alone."
    if by_error:
        head.insert(4, "held-out error")
        caption += " A rule marked * minimises something else than the NLL and is ranked by held-out error."
    return table(head, rows, caption, text=2, strong=0)


def _result(row: RaceRow, seeds: int, by_error: bool) -> list[str]:
    name = row["rule"] if row["criterion"] == "nll" else f"{row['rule']} *"
    cells = [name, row["verdict"], setting(row["lr"]), number(row["nll"])]
    cells += [number(row["error"], 3)] if by_error else []
    if row["criterion"] != "nll":
        return [*cells, "–", "–", "–"]
    work = number(row["work_to_target"], 3) if row["work_to_target"] is not None else "missed"
    return [*cells, work, number(row["seconds_to_target"], 2), f"{row['reached']} of {seeds}"]


def _differences(race: Race) -> Block:
    rows = [_difference(c) for c in race["comparisons"]]
    level = f"{100 * race['level']:g} % intervals jointly (Holm)"
    caption = f"Work to target as a multiple of that of {race['reference']}: paired over seeds, {level}."
    return table(["rule", "finding", "ratio", "interval", "p (Holm)", "pairs"], rows, caption, text=2)


def _difference(found: Comparison) -> list[str]:
    low, high = found["low"], found["high"]
    interval = NOTHING if low is None or high is None else span([low, high], 3)
    return [
        found["rule"],
        found["statement"],
        number(found["ratio"], 3),
        interval,
        number(found["p_holm"], 2),
        number(found["pairs"]),
    ]


def _skipped(race: Race) -> list[Block]:
    if not race["skipped"]:
        return []
    return [heading("Not raced"), listing(f"{skip['rule']}: {skip['reason']}" for skip in race["skipped"])]
