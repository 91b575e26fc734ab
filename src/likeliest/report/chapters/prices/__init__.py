"""The chapters of a study of prices, one module or function each; blocks out of stored results."""
