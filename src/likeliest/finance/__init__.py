"""Prices and returns: how wide a range to expect of tomorrow's return, and whether such forecasts are true."""
