"""Pages of sounds: every number from report.json, spectrograms on their axes, hostile words shown and never run."""

from __future__ import annotations

import copy
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from likeliest.report.charts import figures
from likeliest.report.schema import Report
from likeliest.report.story import tell
from likeliest.report.svg import draw

from .conftest import load
from .reading_html import Page
from .sample_sounds import of_sounds, text_pages, word_pages
from .test_document import PROSE, TOKEN, derived, numbers_in, value_of
from .test_output import HOSTILE
from .test_schema import mismatches

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", params=["words", "texts"])
def sounding(request: pytest.FixtureRequest) -> dict[str, Any]:
    return of_sounds(load("digits"), word_pages() if request.param == "words" else text_pages())


@pytest.fixture(scope="module")
def texts() -> dict[str, Any]:
    return of_sounds(load("digits"), text_pages())


def test_samples_follow_the_schema(sounding: dict[str, Any]) -> None:
    assert mismatches(sounding, Report) == []


def test_every_number_shown_is_in_the_json(sounding: dict[str, Any]) -> None:
    known = numbers_in(sounding) + derived(sounding)
    if (reading := sounding["sounds"]["reading"]) is not None:
        known += [trial["errors"] / trial["words"] for trial in reading["trials"]]
    known += [100 * n for n in known] + [-n for n in known]
    chapters = {chapter["id"]: chapter["blocks"] for chapter in tell(sounding)["chapters"]}
    words = [str(value) for key in ("data", "application") for block in chapters[key] for value in block.values()]
    tokens = {token for text in words for token in TOKEN.findall(text)} - PROSE - set(map(str, range(1, 40)))
    strange = [t for t in tokens if not any(abs(value_of(t)[0] - n) <= value_of(t)[1] for n in known)]
    assert len(tokens) > 40
    assert strange == []


def test_both_files_show_every_recording(sounding: dict[str, Any], typeset_report) -> None:
    html, pdf = typeset_report(sounding)
    page = Page(html)
    assert pdf.startswith(b"%PDF")
    for heard in sounding["sounds"]["surprises"]:
        assert heard["spectrogram"]["png"] in html
        assert f">{heard['observed']}<" in html or f"“{heard['observed']}” understood as" in html
    assert {"script", "link", "iframe", "img"}.isdisjoint(page.tags)
    addresses = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in addresses)
    assert sum("data:image" in address for address in addresses) >= len(sounding["sounds"]["surprises"])


def drawn(report: dict[str, Any], name: str) -> ET.Element:
    return ET.fromstring(draw(figures(report)[name].to_dict(), name, "title", "description"))


def test_a_spectrogram_fills_the_place_between_its_axes(texts: dict[str, Any]) -> None:
    root = drawn(texts, "utterance_1")
    (image,) = root.iter(f"{SVG}image")
    assert float(image.attrib["width"]) == 560
    assert image.attrib["preserveAspectRatio"] == "none"
    ticks = [int(e.text.replace(",", "")) for e in root.iter(f"{SVG}text") if re.fullmatch(r"\d[\d,]*", e.text or "")]
    low, high = texts["sounds"]["surprises"][0]["spectrogram"]["hertz"]
    assert ticks == [f for f in (250, 500, 1000, 2000, 4000) if low <= f <= high]


def test_labels_stand_over_their_frames_and_mistakes_stand_out(texts: dict[str, Any]) -> None:
    heard = copy.deepcopy(texts)
    page = heard["sounds"]["surprises"][0]
    left, right = page["spectrogram"]["extent"]
    quarter = 0.25 * (right - left)
    wrong = {"label": "Q", "start": left + quarter, "end": left + 2 * quarter, "kind": "insert"}
    equal = {"label": "Q", "start": right - quarter, "end": right, "kind": "equal"}
    page["frames"] |= {"observed": [], "understood": [wrong, equal]}
    rows = next(
        values
        for values in figures(heard)["utterance_1"].to_dict()["datasets"].values()
        if values and "lane" in values[0]
    )
    assert [row["wrong"] for row in rows] == [True, False]
    assert rows[0]["middle"] == pytest.approx(left + 0.375 * (right - left))
    root = drawn(heard, "utterance_1")
    placed = [e for e in root.iter(f"{SVG}text") if e.text == "Q"]
    assert {e.attrib["fill"] for e in placed} == {"#d55e00", "#1f2933"}


def test_a_report_without_speakers_sizes_or_surprises_is_shorter(sounding: dict[str, Any]) -> None:
    bare = copy.deepcopy(sounding)
    bare["data"]["sounds"]["speakers"] = None
    bare["sounds"] |= {"surprises": [], "listening": [], "speakers": None, "sizes": None, "reading": None}
    text = str(tell(bare))
    assert "No speakers are known" in text
    assert {"listening", "speakers", "sizes"}.isdisjoint(figures(bare))
    for missing in ("Who is understood how well", "Would more data help", "What the net listens to"):
        assert missing not in text


def test_speakers_who_were_learnt_from_are_a_caution(sounding: dict[str, Any]) -> None:
    assert "were learnt from too" not in str(tell(sounding))
    known = copy.deepcopy(sounding)
    known["data"]["sounds"]["strangers"] = False
    assert "were learnt from too" in str(tell(known))


def test_hostile_words_are_shown_and_never_run(sounding: dict[str, Any], typeset_report) -> None:
    report = copy.deepcopy(sounding)
    for k, heard in enumerate(report["sounds"]["surprises"]):
        heard |= {key: HOSTILE[(k + i) % len(HOSTILE)] for i, key in enumerate(("observed", "understood", "file"))}
        for guess in heard["guesses"]:
            guess["word"] = HOSTILE[k]
        if heard["frames"] is not None:
            for span in heard["frames"]["observed"]:
                span["label"] = HOSTILE[0]
            heard["frames"]["curves"][0]["label"] = HOSTILE[1]
    for score in report["sounds"]["speakers"]["speakers"]:
        score["name"] = HOSTILE[0]
    html, pdf = typeset_report(report)
    page = Page(html)
    assert {"script", "label"}.isdisjoint(page.tags)
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    assert pdf.startswith(b"%PDF")


def test_axes_of_frequency_are_even_in_mels(texts: dict[str, Any]) -> None:
    spec = figures(texts)["utterance_1"].to_dict()
    low, high = spec["vconcat"][0]["encoding"]["y"]["scale"]["domain"]
    assert [low, high] == [
        2595 * math.log10(1 + f / 700) for f in texts["sounds"]["surprises"][0]["spectrogram"]["hertz"]
    ]
