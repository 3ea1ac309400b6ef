"""`python -m points_core` is the `points` command."""

from points_core.cli import main

main()
