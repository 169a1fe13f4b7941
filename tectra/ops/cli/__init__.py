"""The `tectra` command: `main` is the way in, every other module one command. Nothing is imported
here, so that `--help` is quick.
"""

__all__: list[str] = []
