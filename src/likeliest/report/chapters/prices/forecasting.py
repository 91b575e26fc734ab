"""How it was forecast: the walk forward, and the test that nothing looks ahead."""

from __future__ import annotations

from likeliest.report.blocks import Block, heading, note, prose, table
from likeliest.report.formatting import level, percent, plural, short
from likeliest.report.schema import LookAheadJson, PriceReport, Protocol


def blocks(report: PriceReport) -> list[Block]:
    """The protocol in words and in numbers, then the look-ahead test."""
    page = report["protocol"]
    return [
        prose(
            "No forecast knows its future. Prices are not split at random, as rows of a table are: a model that had",
            "learnt from next week would be praised for what it had seen. Here models walk forward through time.",
            "They learn from the past, forecast the next days one by one, each at the close of the day before, move",
            "on, and learn again. Every score in this report is of a day that came after all that was learnt from.",
        ),
        prose(*_in_numbers(page)),
        _table(page),
        *_lookahead(report["lookahead"]),
    ]


def _in_numbers(page: Protocol) -> list[str]:
    window = page["window"]
    learnt = "all days that there were by then" if window is None else f"the {plural(window, 'day')} before"
    horizon = plural(page["horizon"], "day")
    lie = "lies" if page["horizon"] == 1 else "lie"
    return [
        f"{plural(page['days'], 'day')} were forecast, from {page['first']} to {page['last']}.",
        f"Models were fitted {plural(page['refits'], 'time')}, anew every {plural(page['every'], 'day')}, each time to",
        f"{learnt}. The direction is forecast {horizon} ahead, and {horizon} {lie} between the last day learnt from",
        "and the first that is forecast, so that no label learnt from reaches into the days to come.",
    ]


def _table(page: Protocol) -> Block:
    window = "all days so far" if page["window"] is None else plural(page["window"], "day")
    rows = [
        ["days forecast", f"{plural(page['days'], 'day')}, {page['first']} to {page['last']}"],
        ["learnt from", window],
        ["refits", f"{plural(page['refits'], 'time')}, every {plural(page['every'], 'day')}"],
        ["horizon of the direction, and gap", plural(page["horizon"], "day")],
        ["cost that a rise must exceed to count", percent(page["cost"], 2)],
        ["tail probabilities of value at risk", ", ".join(map(level, page["levels"]))],
    ]
    return table(["what", "value"], rows, "The walk forward.", text=2)


def _lookahead(tests: list[LookAheadJson]) -> list[Block]:
    if not tests:
        return [
            note("No look-ahead test was stored: nothing here shows that forecasts did not see their future.", False)
        ]
    rows = [[short(t["name"], 60), "passed" if t["passed"] else "failed", t["message"]] for t in tests]
    failed = [short(t["name"], 60) for t in tests if not t["passed"]]
    answer = (
        f"Passed: nothing of the past moved with the future, in any of {plural(len(tests), 'thing')} tested."
        if not failed
        else f"These look ahead, and what they score says nothing of forecasts: {', '.join(failed)}."
    )
    return [
        heading("Does anything look ahead?"),
        prose(
            "Trust is not needed for this. The days after a cut were changed again and again (left out, redrawn,",
            "mirrored, made calm or wild), and all that is said of the days before it was computed anew. What looks",
            "ahead gives itself away, for its past moves with the future.",
        ),
        note(answer, good=not failed),
        table(["what forecasts", "test", "what was compared"], rows, "The look-ahead test.", text=3),
    ]
