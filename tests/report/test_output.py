"""The two files: escaped, self-contained, accessible, repeatable, and written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import pymupdf
import pytest

from likeliest.errors import OutputError, SourceError
from likeliest.report import render

from .conftest import HERE
from .reading_html import Page

HOSTILE = [
    "<script>alert(1)</script>", '#import "evil.typ"', "$x^2$ #eval(\"1\")", "a\"b'c`d&amp;", "😀 Ünïcødé 数据",
    "x" * 300, "{{ 7 * 7 }} {% raw %}", "a\x00b\x1b[31m\ud800", "]]> --> <svg onload=alert(2)>", "\\", "=1+1",
    "*bold* _it_ @ref <label>",
]  # fmt: skip


def poison(report):
    """Put hostile text wherever a user's file or name can end up."""
    data, texts = report["data"], iter(HOSTILE * 40)
    data["name"], data["source"], data["target"]["name"] = next(texts), next(texts), next(texts)
    for entry in [*data["columns"], *data["target"]["classes"]]:
        entry["name"] = next(texts)
    data["columns"][0] |= {"kind": "category", "levels": 3, "example": HOSTILE[0]}
    data["left_out"] = [{"name": text, "reason": "constant"} for text in HOSTILE]
    report["application"]["confusion"]["classes"] = [c["name"] for c in data["target"]["classes"]]
    for histogram in report["probability"]["histograms"]:
        histogram["label"] = next(texts)
    report["probability"] |= {"x_title": HOSTILE[1], "y_title": HOSTILE[0]}
    for row, text in zip(report["application"]["surprises"], HOSTILE, strict=False):
        row |= {"observed": text, "predicted": text, "cells": [{"name": text, "value": text}]}
    for update in report["learning_rule"]["updates"]:
        update["inputs"][0]["name"] = update["outputs"][0]["name"] = next(texts)
    report["conclusion"]["cautions"] += HOSTILE
    report["plan"]["<b>" + HOSTILE[7]] = HOSTILE
    return report


def test_hostile_text_is_shown_and_never_run(report, typeset_report):
    html, pdf = typeset_report(poison(report))
    page = Page(html)
    assert {"script", "label"}.isdisjoint(page.tags)
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    for text in [
        "<script>alert(1)</script>",
        '#import "evil.typ"',
        "{{ 7 * 7 }} {% raw %}",
        "*bold* _it_ @ref <label>",
    ]:
        assert f"{text}: constant" in page.texts
    with pymupdf.open(stream=pdf) as document:
        printed = " ".join(" ".join(p.get_text() for p in document).split())
    for text in [
        "<script>alert(1)</script>",
        "$x^2$ #eval(",
        "*bold* _it_ @ref <label>",
        "]]> --> <svg onload=alert(2)>",
    ]:
        assert text in printed


def test_html_needs_nothing_else(rendered):
    _, html, _ = rendered
    page = Page(html)
    addresses = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "srcset", "data")]
    assert all(address.startswith("#") for address in addresses)
    assert {"script", "link", "iframe", "img"}.isdisjoint(page.tags)
    assert not re.search(r"url\((?!#|\"data:|data:)", html)
    assert "@import" not in html


def test_html_is_well_formed_for_readers_of_all_kinds(rendered):
    _, html, _ = rendered
    page = Page(html)
    identifiers = [value for name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))
    references = [part for name, value in page.attributes if name == "aria-labelledby" for part in value.split()]
    references += [value[1:] for name, value in page.attributes if name == "href"]
    references += re.findall(r"url\(#([^)]+)\)", html)
    assert set(references) <= set(identifiers)
    figures = [value for name, value in page.attributes if name == "role"]
    assert len(figures) == page.tags.count("svg") == page.tags.count("desc") >= 6
    assert [tag for tag in page.tags if tag in ("h1", "h2")].count("h1") == 1
    assert page.tags.count("h2") == 8


def test_pdf_is_tagged_and_its_text_can_be_read(rendered):
    report, _, pdf = rendered
    with pymupdf.open(stream=pdf) as document:
        catalogue = document.pdf_catalog()
        assert "Marked true" in document.xref_get_key(catalogue, "MarkInfo")[1]
        assert document.xref_get_key(catalogue, "StructTreeRoot")[0] != "null"
        assert document.xref_get_key(catalogue, "Lang")[1].startswith("en")
        assert document.metadata["title"].startswith("Predicting")
        text = "".join(page.get_text() for page in document)
        assert len(document.get_toc()) > 8
    model = next(m for m in report["models"] if m["name"] == report["conclusion"]["model"])
    for value in (model["nll_test"], report["application"]["base_rate"]["nll_test"]):
        assert f"{value:.3g}" in text
    assert report["provenance"]["data_sha256"] in text
    assert "η" in text


def test_html_and_pdf_say_the_same(rendered):
    _, html, pdf = rendered
    with pymupdf.open(stream=pdf) as document:
        printed = re.sub(r"\s", "", "".join(page.get_text() for page in document))
    # The PDF breaks lines and pages where it likes, so single words and numbers are compared.
    words = {word for text in Page(html).texts for word in text.split() if len(word) < 20}
    missing = [word for word in words if word not in printed]
    assert len(missing) < 0.03 * len(words)


def test_the_same_json_gives_the_same_bytes(tmp_path):
    source = HERE / "sample_diabetes.json"
    digests = [
        {kind: hashlib.sha256(path.read_bytes()).hexdigest() for kind, path in render(source, tmp_path / run).items()}
        for run in ("first", "second")
    ]
    assert digests[0] == digests[1]


def test_an_unwritable_folder_is_a_named_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        render(HERE / "sample_diabetes.json", blocked / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_when_the_second_file_cannot_be_written_the_first_is_not(tmp_path):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "report.pdf").mkdir()
    (tmp_path / "report.pdf" / "in the way").touch()
    with pytest.raises(OutputError):
        render(HERE / "sample_diabetes.json", tmp_path)
    assert not [p.name for p in tmp_path.iterdir() if p.suffix == ".part"]


@pytest.mark.parametrize(("content", "words"), [
    ("{", "expected JSON"), ("[]", "keys of a likeliest report"), (json.dumps({"data": {}}), "'models'"),
    (None, "report.json"),
])  # fmt: skip
def test_what_is_no_report_is_a_named_error(tmp_path, content, words):
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SourceError, match=words):
        render(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_importing_the_report_loads_no_chart_library():
    heavy = "{'altair', 'jinja2', 'typst', 'vl_convert', 'torch', 'pandas'}"
    code = f"import sys, likeliest.report; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
