"""The chapters of a report, one function each: stored results in, blocks out."""
