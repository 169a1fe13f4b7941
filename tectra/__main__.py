"""`python -m tectra` is the `tectra` command."""

from tectra.ops.cli.main import run

run()
