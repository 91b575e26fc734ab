"""Stored results to charts to HTML and PDF. Reads ``report.json`` alone; never trains."""

from likeliest.report.render import render
from likeliest.report.writing import atomic_write, write_together

__all__ = ["atomic_write", "render", "write_together"]
