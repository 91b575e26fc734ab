"""`python -m likeliest` is the command line."""

from likeliest.cli import main

main()
