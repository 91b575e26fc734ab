"""The version, in a file of its own: the build reads it, and model files and reports carry it."""

__version__ = "0.5.0"
