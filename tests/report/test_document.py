"""What stands in the document: numbers from report.json and no others, arithmetic that holds, optional chapters."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeliest.report import formatting
from likeliest.report.charts import figures
from likeliest.report.formatting import number
from likeliest.report.story import tell

from .reading_html import Page

TOKEN = re.compile(r"(?<![\w.^²])−?\d[\d,]*(?:\.\d+)?(?:\s×\s10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(?![\w²])")
SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
PROSE = {"0", "1", "2", "10", "90", "95", "100", "256", "1958", "1960"}
"""Numbers of the explanations themselves, which hold for every report; SHA-256 is one."""


def value_of(token: str) -> tuple[float, float]:
    """The number and half a unit of its last printed digit."""
    mantissa, _, power = token.replace(",", "").replace("−", "-").partition(" × 10")
    exponent = int(power.translate(SUPERSCRIPT) or 0)
    decimals = len(mantissa.partition(".")[2])
    return float(f"{mantissa}e{exponent}"), float(f"0.501e{exponent - decimals}")


def numbers_in(value) -> list[float]:
    """Every number of a JSON value, those inside strings and lengths of lists included."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [float(value)]
    if isinstance(value, str):
        return [float(n) for n in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", value)]
    items = list(value.values()) if isinstance(value, dict) else value
    return [float(len(items)), *(n for item in items for n in numbers_in(item))]


def derived(report) -> list[float]:
    """The few sums and differences that a reader could form from report.json."""
    counts = [
        sum(c[role] for role in ("train", "validation", "test")) for c in report["data"]["target"]["classes"] or []
    ]
    updates = report["learning_rule"]["updates"]
    moved = [i["weight"] + i["change"] for update in updates for i in update["inputs"]]
    table = (report["application"]["confusion"] or {"counts": []})["counts"]
    wrong = sum(n for i, row in enumerate(table) for j, n in enumerate(row) if i != j)
    return [*counts, *moved, wrong, len(report["data"]["columns"]) - 16]


def test_every_number_shown_is_in_the_json(rendered):
    report, html, _ = rendered
    known = numbers_in(report) + derived(report)
    known += [100 * n for n in known] + [-n for n in known]
    positions = {f"{kind} {i}." for kind in ("Figure", "Table") for i in range(40)}
    texts = [text for text in Page(html).texts if text not in positions]
    tokens = {token for text in texts for token in TOKEN.findall(text)} - PROSE - set(map(str, range(1, 9)))
    strange = [t for t in tokens if not any(abs(value_of(t)[0] - n) <= value_of(t)[1] for n in known)]
    assert len(tokens) > 100
    assert strange == []


@pytest.mark.parametrize(("path", "shown"), [
    (("models", 2, "nll_test"), "0.7654"), (("provenance", "data_sha256"), "f00dfeed"), (("race", "target"), "0.2357"),
    (("certificates", 0, "worst"), "4.3 × 10⁻⁷"), (("learning_rule", "updates", 0, "nll_before"), "1.93827"),
])  # fmt: skip
def test_a_changed_json_changes_the_document(report, path, shown):
    place = report
    for key in path[:-1]:
        place = place[key]
    assert shown not in str(tell(report))
    place[path[-1]] = shown if path[0] == "provenance" else value_of(shown)[0]
    assert shown in str(tell(report))


def test_the_arithmetic_holds_in_the_digits_shown(rendered):
    report, _, _ = rendered
    chapter = next(c for c in tell(report)["chapters"] if c["id"] == "learning-rule")
    lines = [line for block in chapter["blocks"] if block["kind"] == "formula" for line in block["lines"]]
    checked = 0
    for line in lines:
        *_, left, right = ["", *line.split(" = ")]
        expression = left.replace("−", "-").replace("·", "*").replace(",", "")
        if re.fullmatch(r"[-+*/(). \d]+", expression):
            result, half = value_of(right)
            # Six digits in, so six digits of the largest term out.
            largest = max(abs(value_of(t)[0]) for t in TOKEN.findall(left))
            assert eval(expression) == pytest.approx(result, abs=half + 2e-5 * max(largest, abs(result)))
            checked += 1
    assert checked >= 3 * len(report["learning_rule"]["updates"])


def test_inputs_add_up_to_eta(rendered):
    report, _, _ = rendered
    for update in report["learning_rule"]["updates"]:
        eta = math.fsum(i["x"] * i["weight"] for i in update["inputs"]) + update["eta_rest"]
        assert eta == pytest.approx(update["outputs"][0]["eta"], rel=1e-12)


@pytest.mark.parametrize("chapter", ["probability", "gradient", "learning_rule", "race", "application"])
def test_a_chapter_may_be_missing(report, typeset_report, chapter):
    del report[chapter]
    html, pdf = typeset_report(report)
    assert "Conclusion" in html
    assert pdf.startswith(b"%PDF")


def test_a_race_in_which_nothing_ran(report, typeset_report):
    empty = {
        "rows": [],
        "curves": [],
        "comparisons": [],
        "target": None,
        "start": None,
        "best": None,
        "reference": None,
    }
    skipped = [{"rule": "newton", "reason": "needs HESSIAN"}, {"rule": "adam", "reason": "needs GRAD"}]
    report["race"] |= empty | {"skipped": skipped, "conclusion": "No rule could run."}
    page = Page(typeset_report(report)[0])
    assert "adam: needs GRAD" in page.texts
    assert "No rule could run." in page.texts


def test_a_race_in_which_every_rule_missed(report, typeset_report):
    for row in report["race"]["rows"]:
        row |= {"work_to_target": None, "work_low": None, "work_high": None, "seconds_to_target": None, "reached": 0}
    report["race"]["curves"][0]["median"][3:] = [None] * len(report["race"]["curves"][0]["median"][3:])
    report["race"]["reference"] = None
    assert Page(typeset_report(report)[0]).texts.count("missed") == len(report["race"]["rows"])


def test_rules_of_another_criterion_are_marked(report):
    report["race"]["rows"][-1] |= {"criterion": "perceptron", "nll": None, "error": 0.0625}
    text = str(tell(report))
    assert "lbfgs *" in text
    assert "0.0625" in text


def test_a_failed_certificate_is_said_first(report):
    report["certificates"][0] |= {"passed": False}
    report["certificates"][0]["parts"][0] |= {"passed": False}
    document = tell(report)
    assert "failed" in [fact["value"] for fact in document["facts"]]
    assert "weight (failed)" in str(document)


def test_the_ladder_of_steps_is_drawn_where_it_was_kept(report, typeset_report):
    steps, errors = [1e-2, 1e-4, 1e-6], [1e-5, 1e-9, 0.0]
    report["certificates"][0]["curves"] = [{"part": "weight <b>", "steps": steps, "errors": errors}]
    chart = figures(report)["ladder_" + report["certificates"][0]["model"]].to_dict()
    (drawn,) = chart["datasets"].values()
    assert [point["step"] for point in drawn] == steps
    assert [point["error"] for point in drawn] == [1e-5, 1e-9, 1e-16]
    html, _ = typeset_report(report)
    assert "Central differences against the gradient, step by step" in html
    assert "weight <b>" not in html


@given(st.floats(-1e308, 1e308), st.integers(2, 8))
def test_a_printed_number_keeps_its_digits(x, digits):
    shown, _ = value_of(number(x, digits).replace("\N{NARROW NO-BREAK SPACE}", ""))
    assert shown == pytest.approx(x, rel=0.51 * 10.0 ** (1 - digits), abs=0)


def test_examples_of_formatting():
    import doctest

    assert doctest.testmod(formatting).failed == 0
