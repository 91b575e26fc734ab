"""Chapter 1."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, listing, note, prose, table
from likeliest.report.chapters import pictures, sounds
from likeliest.report.formatting import NOTHING, number, plural, short
from likeliest.report.schema import Column, Data, Report

SHOWN = 16
"""Columns listed; a wider table is counted, and report.json has it in full."""


def blocks(report: Report) -> list[Block]:
    """The table, its target, its columns and how its rows were dealt."""
    data = report["data"]
    return [
        *_reading(data),
        *(pictures.at_a_glance(data) if "pictures" in data else []),
        *(sounds.at_a_glance(data) if "sounds" in data else []),
        *_target(data),
        *_columns(data),
        *_left_out(data),
        _duplicates(data),
        *(note(text, good=False) for text in data["notes"]),
    ]


def _reading(data: Data) -> list[Block]:
    split, target = data["split"], data["target"]
    dropped = data.get("rows_dropped", 0)
    without = (
        f"{plural(dropped, 'row')} without a target {'was' if dropped == 1 else 'were'} left out." if dropped else ""
    )
    how = f" (rows dealt {split['method']})" if "method" in split else ""
    return [
        prose(
            f"{short(data['name'], 60)} holds {plural(data['rows'], _noun(data))}.",
            f"The target is {short(target['name'], 60)}:",
            target["explanation"],
            "" if not data["columns"] else f"Each row reaches the models as {plural(data['inputs'], 'number')}.",
            without,
        ),
        prose(
            f"Models learn from {plural(split['train'], 'training row')}.",
            f"Another {plural(split['validation'], 'validation row')}",
            "choose the model and calibrate its probabilities."
            if not data["columns"]
            else "choose penalties, learning rates and when to stop; the chosen models then learn again from both.",
            f"The last {plural(split['test'], 'test row')} were set aside{how}: nothing was chosen on them, and every",
            "held-out number in this report comes from them.",
        ),
    ]


def _noun(data: Data) -> str:
    return "picture" if "pictures" in data else "recording" if "sounds" in data else "row"


def _target(data: Data) -> list[Block]:
    target = data["target"]
    if target["kind"] == "texts":
        return []
    if target["classes"] is None:
        return [figure("target", f"All {data['rows']:,} values of {short(target['name'], 60)}.")]
    counts = {c["name"]: c["train"] + c["validation"] + c["test"] for c in target["classes"]}
    most = max(counts, key=lambda name: counts[name])
    return [
        figure(
            "target",
            f"Rows by class and role. The commonest class is {short(most, 60)}, with {plural(counts[most], 'row')}.",
        )
    ]


def _columns(data: Data) -> list[Block]:
    columns = data["columns"]
    if not columns:
        return []
    rest = len(columns) - SHOWN
    caption = "Columns in use." + (f" {rest} more are listed in report.json." if rest > 0 else "")
    head = ["column", "kind", "missing", "levels", "smallest", "median", "largest", "commonest"]
    return [
        table(head, map(_column, columns[:SHOWN]), f"{caption} Ranges are those of the training rows.", text=2, wide=0)
    ]


def _column(column: Column) -> list[str]:
    numbers = [number(value) for value in (column.get("low"), column.get("median"), column.get("high"))]
    levels = NOTHING if column["levels"] is None else number(column["levels"])
    return [
        short(column["name"]),
        column["kind"],
        number(column["missing"]),
        levels,
        *numbers,
        short(column.get("example", NOTHING), 24),
    ]


def _left_out(data: Data) -> list[Block]:
    if not data["left_out"]:
        return []
    rest = len(data["left_out"]) - SHOWN
    items = [f"{short(c['name'], 60)}: {c['reason']}" for c in data["left_out"][:SHOWN]]
    items += [f"{rest} more, listed in report.json"] if rest > 0 else []
    count = len(data["left_out"])
    return [prose(f"{plural(count, 'column')} {'is' if count == 1 else 'are'} left out:"), listing(items)]


def _duplicates(data: Data) -> Block:
    found = data["duplicates"]
    if not found["count"]:
        return prose("No validation or test row equals a training row.")
    groups = "; ".join(" = ".join(number(row) for row in group) for group in found["examples"][:5])
    count = plural(found["count"], "validation or test row")
    text = f"{count} equal to some training row: that flatters held-out numbers."
    return note(f"{text} Equal rows: {groups}." if groups else text, good=False)
