"""Stored results to charts to HTML and PDF. Reads ``report.json`` alone; never trains."""
