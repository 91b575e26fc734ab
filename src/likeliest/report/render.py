"""Stored results to ``report.html`` and ``report.pdf``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from likeliest.files import write_together
from likeliest.report.reading import read_report


def render(report_json: str | Path, out: str | Path | None = None) -> dict[str, Path]:
    """Write ``report.html`` and ``report.pdf`` from a stored ``report.json``; nothing is trained or computed anew.

    Both files hold the same chapters, numbers and charts; neither needs the network. The same report.json gives the
    same bytes. Either both files are written or neither.

    Args:
        report_json: a file that a study wrote, described in ``likeliest.report.schema``.
        out: the folder to write to, made where missing; the folder of ``report_json`` by default.

    Returns:
        The path of each file, by "html" and "pdf".

    Raises:
        SourceError: ``report_json`` cannot be read or is no report.
        OutputError: ``out`` cannot be written.

    Example:
        >>> render("study/report.json")["html"]  # doctest: +SKIP
        PosixPath('study/report.html')
    """
    source = Path(report_json)
    folder = source.parent if out is None else Path(out)
    paths = {kind: folder / f"report.{kind}" for kind in ("html", "pdf")}
    contents = typeset(source)
    write_together({path: contents[kind] for kind, path in paths.items()})
    return paths


def typeset(report_json: Path) -> Mapping[str, bytes]:
    """Return both files' contents without writing them."""
    # Chart libraries and typesetters take half a second to load, which only those who render should pay.
    from likeliest.report.charts import figures
    from likeliest.report.html import to_html
    from likeliest.report.pdf import to_pdf
    from likeliest.report.sheets import sheets
    from likeliest.report.story import tell
    from likeliest.report.svg import draw_all

    report = read_report(report_json)
    document = tell(report)
    drawings = draw_all(figures(report), sheets(report), document)
    return {"html": to_html(document, drawings), "pdf": to_pdf(document, drawings)}
