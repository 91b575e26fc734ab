"""Stored results to charts to HTML and PDF. Reads ``report.json`` alone; never trains."""

from likeliest.report.render import render

__all__ = ["render"]
