"""Pages of prices: every number from report.json, each flag both ways, nothing of a user's ever run."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pymupdf
import pytest

from likeliest.errors import SourceError
from likeliest.report.charts import figures
from likeliest.report.charts.prices import time
from likeliest.report.render import typeset
from likeliest.report.schema import PriceReport
from likeliest.report.story import tell
from likeliest.report.svg import draw

from .conftest import HERE, load
from .reading_html import Page
from .test_document import PROSE, TOKEN, numbers_in, value_of
from .test_output import HOSTILE
from .test_schema import mismatches

SVG = "{http://www.w3.org/2000/svg}"
CHAPTERS = [
    "Prices at a glance", "How it was forecast", "Distribution of tomorrow's return", "Risk", "Direction", "Tomorrow",
    "Gradients and rules", "Conclusion", "Provenance",
]  # fmt: skip


@pytest.fixture(scope="module")
def rendered_prices() -> tuple[dict[str, Any], str, bytes]:
    files = typeset(HERE / "sample_prices.json")
    return load("prices"), files["html"].decode("utf-8"), files["pdf"]


@pytest.fixture
def prices() -> dict[str, Any]:
    """A study of prices that a test may change."""
    return copy.deepcopy(load("prices"))


def chapter(report: dict[str, Any], key: str) -> str:
    found = next(c for c in tell(report)["chapters"] if c["id"] == key)
    return json.dumps(found, ensure_ascii=False)


def notes(report: dict[str, Any], key: str) -> list[tuple[str, str]]:
    (found,) = [c["blocks"] for c in tell(report)["chapters"] if c["id"] == key]
    return [(block["tone"], block["text"]) for block in found if block["kind"] == "note"]


def facts(report: dict[str, Any]) -> dict[str, str]:
    return {fact["label"]: fact["value"] for fact in tell(report)["facts"]}


# --- the sample and the two files -----------------------------------------------------------------------------------


def test_the_sample_follows_the_schema():
    assert mismatches(load("prices"), PriceReport) == []
    assert (HERE / "sample_prices.json").stat().st_size < 150_000


def test_the_check_of_the_schema_can_fail(prices):
    del prices["models"][0]["berkowitz"]
    prices["tomorrow"]["risk"][0]["var"] = "0.02"
    assert len(mismatches(prices, PriceReport)) == 2


def strings_in(value) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in items for text in strings_in(item)]


def test_every_number_shown_is_in_the_json(rendered_prices):
    report, html, _ = rendered_prices
    known = numbers_in(report)
    known += [value_of(token)[0] for text in strings_in(report) for token in TOKEN.findall(text)]
    known += [sum(test["passed"] for test in report["lookahead"])]
    known += [factor * n for n in known for factor in (100.0, 1e4)]
    known += [-n for n in known]
    positions = {f"{kind} {i}." for kind in ("Figure", "Table") for i in range(60)}
    texts = [text for text in Page(html).texts if text not in positions]
    tokens = {token for text in texts for token in TOKEN.findall(text)} - PROSE - {"0.05", "0.001", "3"}
    tokens -= {str(place) for place in range(1, len(CHAPTERS) + 1)}
    strange = [t for t in tokens if not any(abs(value_of(t)[0] - n) <= value_of(t)[1] for n in known)]
    assert len(tokens) > 300
    assert strange == []


def test_chapters_stand_in_their_order(rendered_prices):
    report, html, pdf = rendered_prices
    assert [c["title"] for c in tell(report)["chapters"]] == CHAPTERS
    assert Page(html).tags.count("h2") == len(CHAPTERS)
    with pymupdf.open(stream=pdf) as document:
        printed = "".join(page.get_text() for page in document)
    assert all(title in printed for title in CHAPTERS)
    assert report["provenance"]["data_sha256"] in printed


def test_what_is_no_advice_stands_first_and_in_the_conclusion(rendered_prices):
    report, html, _ = rendered_prices
    assert "no investment advice" in report["conclusion"]["disclaimer"]
    assert Page(html).texts.count(report["conclusion"]["disclaimer"]) == 2
    assert notes(report, "prices")[0] == ("caution", report["conclusion"]["disclaimer"])
    assert notes(report, "conclusion")[-1] == ("caution", report["conclusion"]["disclaimer"])


def test_every_chart_has_an_alternative_text(rendered_prices):
    report, html, pdf = rendered_prices
    page = Page(html)
    blocks = [b for c in tell(report)["chapters"] for b in c["blocks"] if b["kind"] == "figure"]
    assert {b["name"] for b in blocks} == set(figures(report))
    assert page.tags.count("svg") == page.tags.count("desc") == len(blocks)
    assert all(len(b["caption"]) > 40 for b in blocks)
    with pymupdf.open(stream=pdf) as document:
        assert "Marked true" in document.xref_get_key(document.pdf_catalog(), "MarkInfo")[1]
        alternatives = [document.xref_get_key(x, "Alt")[1] for x in range(1, document.xref_length())]
    assert sum(text not in ("null", "") for text in alternatives) >= len(blocks)


def test_html_needs_nothing_else(rendered_prices):
    _, html, _ = rendered_prices
    page = Page(html)
    addresses = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "srcset", "data")]
    assert all(address.startswith("#") for address in addresses)
    assert {"script", "link", "iframe", "img"}.isdisjoint(page.tags)
    identifiers = [value for name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))


def test_the_same_json_gives_the_same_bytes(rendered_prices):
    _, html, pdf = rendered_prices
    again = typeset(HERE / "sample_prices.json")
    assert (again["html"].decode("utf-8"), again["pdf"]) == (html, pdf)


@pytest.mark.parametrize(("path", "shown"), [
    (("models", 3, "log_score"), "3.9876"), (("tomorrow", "sigma"), "7.77"), (("tomorrow", "risk", 0, "var"), "6.54"),
    (("models", 5, "coverage", 0, "kupiec"), "0.987"), (("models", 5, "parameters", 1, "value"), "0.4321"),
    (("data", "summary", "kurtosis"), "9.87"), (("trend", "share_up"), "12.3"),
])  # fmt: skip
def test_a_changed_json_changes_the_document(prices, path, shown):
    place = prices
    for key in path[:-1]:
        place = place[key]
    assert shown not in str(tell(prices))
    in_percent = path[-1] in ("sigma", "var", "share_up")
    place[path[-1]] = float(shown) / (100 if in_percent else 1)
    assert shown in str(tell(prices))


# --- what may be missing, and flags ---------------------------------------------------------------------------------


def without(report: dict[str, Any], what: str) -> None:
    if what == "direction":
        report["trend"] |= {"models": [], "features": []}
    if what == "gradients":
        report["certificates"] = []
        del report["race"]
    if what in ("distribution", "risk"):
        report["models"] = []


@pytest.mark.parametrize("what", ["direction", "gradients", "distribution", "risk"])
def test_a_chapter_with_nothing_to_say_is_left_out(prices, typeset_report, what):
    without(prices, what)
    assert what not in [c["id"] for c in tell(prices)["chapters"]]
    html, pdf = typeset_report(prices)
    assert "Conclusion" in html
    assert pdf.startswith(b"%PDF")


def test_a_report_with_hardly_anything_still_renders(prices, typeset_report):
    for what in ("direction", "gradients", "distribution"):
        without(prices, what)
    prices["data"] |= {"dates": [], "prices": [], "returns": [], "findings": [], "columns": []}
    prices |= {"lookahead": [], "transforms": [], "score_days": [], "scores": []}
    prices["volatility"] |= {"days": [], "sigma": [], "realised": []}
    prices["exceedances"] |= {"days": [], "returns": [], "quantiles": {}}
    prices["tomorrow"] |= {"risk": [], "quantiles": []}
    prices["tomorrow"]["fan"] |= {"days": [], "prices": [], "past_days": [], "past_prices": []}
    html, _ = typeset_report(prices)
    assert "svg" not in Page(html).tags
    assert "Nothing: no gaps" in html
    assert "No look-ahead test was stored" in html


def test_a_race_may_be_missing_beside_certificates(prices, typeset_report):
    del prices["race"]
    html, _ = typeset_report(prices)
    assert "Gradients and rules" in html
    assert "Learning rules, raced" not in html


@pytest.mark.parametrize(
    ("window", "words"), [(None, "all days that there were by then"), (750, "the 750 days before")]
)
def test_what_was_learnt_from(prices, window, words):
    prices["protocol"]["window"] = window
    assert words in chapter(prices, "forecasting")


def test_a_horizon_of_one_day(prices):
    prices["protocol"] |= {"horizon": 1, "cost": 0.0025}
    assert "1 day ahead, and 1 day lies" in chapter(prices, "forecasting")
    assert "over the next day is above" in chapter(prices, "direction")
    assert "overlap" not in chapter(prices, "direction")
    assert "0.25\N{NARROW NO-BREAK SPACE}%, the cost of trading" in chapter(prices, "direction")


@pytest.mark.parametrize("passed", [True, False])
def test_the_look_ahead_test_both_ways(prices, passed):
    prices["lookahead"][-1] |= {"passed": passed, "message": "momentum of 2020-01-09 moved"}
    ((tone, text),) = notes(prices, "forecasting")
    assert tone == ("good" if passed else "caution")
    assert text.startswith("Passed" if passed else "These look ahead")
    assert ("features" in text) == (not passed)
    assert facts(prices)["Look-ahead test"] == ("passed" if passed else "failed")


@pytest.mark.parametrize("claimed", [True, False])
def test_an_edge_on_direction_both_ways(prices, claimed):
    for model in prices["trend"]["models"]:
        model["claimed"] = claimed and model["name"] == "logistic"
    assert facts(prices)["Edge on direction"] == ("claimed" if claimed else "none shown")
    assert ('"claimed"' in chapter(prices, "direction")) == claimed


@pytest.mark.parametrize("flag", [True, False])
def test_flags_of_models_both_ways(prices, flag):
    for model in prices["models"]:
        model |= {"edge": flag, "in_confidence_set": flag, "failed_refits": 3 * flag}
        model["parameters"] = [p | {"at_bound": flag, "standard_error": None, "low": None} for p in model["parameters"]]
    text = chapter(prices, "distribution")
    assert ('"shown"' in text, '"not shown"' in text) == (flag, not flag)
    assert ('"yes"' in text, '"no"' in text) == (flag, not flag)
    assert ("3 refits did not converge" in text) == flag
    assert (', "at bound"]' in text) == flag


@pytest.mark.parametrize("passed", [True, False])
def test_certificates_both_ways(prices, passed):
    prices["certificates"][0] |= {"passed": passed}
    prices["certificates"][0]["parts"][0] |= {"passed": passed}
    assert facts(prices)["Gradients"] == ("certified" if passed else "failed")
    assert ("mean (failed)" in chapter(prices, "gradients")) == (not passed)


def test_certificates_are_listed_and_the_recommended_one_is_shown_in_full(prices):
    best = prices["conclusion"]["model"]
    text = chapter(prices, "gradients")
    assert "Passed: 2 models, part by part." in text
    assert [f"Gradient certificate: {m['title']}." in text for m in prices["models"]] == [
        m["name"] == best for m in prices["models"]
    ]


def test_exceedances_are_counted_beyond_lines_that_are_drawn(prices):
    assert "5 beyond 1\N{NARROW NO-BREAK SPACE}%, 22 beyond 5" in chapter(prices, "risk")
    del prices["exceedances"]["quantiles"]["0.05"]
    assert "22 beyond" not in chapter(prices, "risk")


def test_words_of_a_verdict_are_sentences_and_parameters_symbols(prices):
    prices["models"][0] |= {"source": "the days learnt from", "verdict": {"kind": "converged", "message": "gradient 1"}}
    for parameter, name in zip(prices["models"][0]["parameters"], ("mean", "scale", "df"), strict=True):
        parameter["name"] = name
    text = chapter(prices, "distribution")
    assert "The days learnt from. The fit to all days ended as converged. Gradient 1." in text
    assert all(f'["{symbol}", ' in text for symbol in "μσν")


@pytest.mark.parametrize("inside", [True, False])
def test_transforms_inside_the_band_and_outside(prices, typeset_report, inside):
    page = prices["transforms"][0]
    page["counts"] = [30] * 10 if inside else [30] * 9 + [200]
    assert notes(prices, "risk")[0][0] == ("good" if inside else "caution")
    assert typeset_report(prices)[1].startswith(b"%PDF")


def test_a_net_has_no_parameters_to_list_and_a_trend_its_own_certificate(prices, typeset_report):
    prices["models"][-1] |= {"name": "net", "title": "recurrent net, student-t", "parameters": []}
    steps = {"part": "weight", "steps": [1e-2, 1e-4], "errors": [1e-5, 1e-9]}
    for name in ("net", "trend_net"):
        prices["certificates"].append(prices["certificates"][0] | {"model": name, "curves": [steps], "passed": False})
    html, _ = typeset_report(prices)
    assert {"ladder_net", "ladder_trend_net"} <= set(figures(prices))
    assert "Parameters of recurrent net" not in html
    assert f"Gradient certificate: trend: {prices['trend']['models'][2]['title']}." in html


# --- charts ---------------------------------------------------------------------------------------------------------


def drawn(report: dict[str, Any], name: str) -> ET.Element:
    return ET.fromstring(draw(figures(report)[name].to_dict(), name, "title", "description"))


def datasets(report: dict[str, Any], name: str) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = []

    def collect(place) -> None:
        if isinstance(place, dict) and isinstance(place.get("values"), list):
            found.append(place["values"])
        for item in place.values() if isinstance(place, dict) else place if isinstance(place, list) else []:
            collect(item)

    spec = figures(report)[name].to_dict()
    collect(spec)
    return [*found, *spec.get("datasets", {}).values()]


def test_marks_are_the_exceedances_that_were_counted(prices):
    (model,) = [m for m in prices["models"] if m["name"] == prices["conclusion"]["model"]]
    counts = {c["level"]: c["exceedances"] for c in model["coverage"]}
    sizes = [len(rows) for rows in datasets(prices, "exceedances") if set(rows[0]) == {"day", "y"}]
    assert counts[0.01] in sizes
    assert counts[0.05] - counts[0.01] in sizes


def test_the_fan_starts_at_the_last_price(prices):
    last, fan = prices["tomorrow"]["fan"]["past_prices"][-1], prices["tomorrow"]["fan"]
    bands = [rows for rows in datasets(prices, "fan") if rows and "high" in rows[0]]
    assert len(bands) == len(fan["levels"]) // 2
    assert all((rows[0]["y"], rows[0]["high"]) == (last, last) for rows in bands)
    assert (bands[0][-1]["y"], bands[0][-1]["high"]) == (fan["prices"][0][-1], fan["prices"][-1][-1])
    words = [e.text for e in drawn(prices, "fan").iter(f"{SVG}text")]
    assert {"1\N{NARROW NO-BREAK SPACE}%", "99\N{NARROW NO-BREAK SPACE}%"} <= set(words)


def test_days_stay_where_they_are_in_every_time_zone(prices, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    prices["data"]["dates"] = ["2020-01-01", "2021-01-01"]
    prices["data"] |= {"prices": [10.0, 11.0], "returns": [None, 0.1]}
    axes = json.dumps(figures(prices)["prices"].to_dict())
    assert axes.count('"utc"') >= 2
    words = [e.text for e in drawn(prices, "prices").iter(f"{SVG}text")]
    assert "Jan 2020" in words


def test_thousands_of_days_are_a_few_light_paths(prices, typeset_report):
    first = dt.date(2004, 1, 1)
    days = [(first + dt.timedelta(days=i)).isoformat() for i in range(5000)]
    returns = [0.01 * math.sin(i * i) for i in range(5000)]
    quantiles = {"0.01": [-0.0098] * 5000, "0.05": [-0.0095] * 5000}
    prices["exceedances"] = {"days": days, "returns": returns, "quantiles": quantiles}
    thin = {"dates": days[::3], "returns": [None, *returns[3::3]], "prices": [100 + i / 3 for i in range(1667)]}
    prices["data"] |= thin
    root = drawn(prices, "exceedances")
    assert sum(1 for e in root.iter() if e.get("stroke") and e.tag == f"{SVG}path" and len(e.get("d", "")) > 5000) == 3
    assert sum(1 for _ in drawn(prices, "prices").iter()) < 200
    words = [e.text for e in root.iter(f"{SVG}text") if re.fullmatch(r"\d{4}", e.text or "")]
    assert len(words) == len(set(words)) > 3
    assert typeset_report(prices)[1].startswith(b"%PDF")


@pytest.mark.parametrize("wide", [True, False])
def test_a_price_that_multiplied_has_a_logarithmic_axis(prices, wide):
    prices["data"]["prices"] = [math.exp((3.0 if wide else 0.3) * i / 400) for i in range(len(prices["data"]["dates"]))]
    assert ('"log"' in json.dumps(figures(prices)["prices"].to_dict())) == wide


def test_names_beside_lines_keep_their_distance_and_their_order():
    heights = [3.0, 0.0, 0.1, 0.05, 9.0]
    moved = time.spread(heights, 1.0)
    order = sorted(range(5), key=heights.__getitem__)
    rising = [moved[i] for i in order]
    assert all(high - low >= 1.0 - 1e-12 for low, high in itertools.pairwise(rising))
    assert moved[4] == 9.0
    assert math.isclose(sum(moved[i] for i in (1, 2, 3)), 0.15)
    assert time.spread([], 1.0) == []


# --- what comes from users, and what is no report -------------------------------------------------------------------


def poisoned(report: dict[str, Any]) -> dict[str, Any]:
    """Put hostile text wherever a user's file or name can end up."""
    data, texts = report["data"], iter(HOSTILE * 20)
    data |= {"asset": "<script>", "name": next(texts), "source": next(texts), "assets": HOSTILE, "columns": HOSTILE}
    data |= {"findings": HOSTILE, "alarms": HOSTILE}
    for entry in [*report["models"], *report["trend"]["models"], *report["scores"]]:
        entry["title"] = next(texts)
    for feature in report["trend"]["features"]:
        feature |= {"name": next(texts), "formula": next(texts)}
    for test in report["lookahead"]:
        test |= {"name": next(texts), "message": next(texts)}
    report["conclusion"]["cautions"] += HOSTILE
    report["plan"]["<b>" + HOSTILE[7]] = HOSTILE
    return report


def test_hostile_text_is_shown_and_never_run(prices, typeset_report):
    html, pdf = typeset_report(poisoned(prices))
    page = Page(html)
    assert {"script", "label", "b1"}.isdisjoint(page.tags)
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    assert "Forecasting the returns of <script>" in page.texts
    for text in (
        "<script>alert(1)</script>",
        '#import "evil.typ"',
        "{{ 7 * 7 }} {% raw %}",
        "*bold* _it_ @ref <label>",
    ):
        assert text in page.texts
    with pymupdf.open(stream=pdf) as document:
        printed = " ".join(" ".join(p.get_text() for p in document).split())
    for text in ("Forecasting the returns of <script>", "<script>alert(1)</script>", "*bold* _it_ @ref <label>"):
        assert text in printed


@pytest.mark.parametrize(("change", "words"), [
    ({"kind": "weather"}, "found one of 'weather'"), ({"kind": ["prices"]}, "found one of"),
    ({"kind": None}, "of rows or prices"), ({"kind": "rows"}, "family"),
])  # fmt: skip
def test_another_kind_is_a_named_error(prices, typeset_report, change, words):
    with pytest.raises(SourceError, match=words):
        typeset_report(prices | change)


@pytest.mark.parametrize("key", ["protocol", "lookahead", "trend", "tomorrow", "score_days", "conclusion"])
def test_a_key_that_prices_need_is_missed_by_name(prices, typeset_report, key):
    del prices[key]
    with pytest.raises(SourceError, match=key):
        typeset_report(prices)
