"""Strategies that ship with tectra, for the demo, the benchmarks and as examples: not for trading
real money.

`cross` is plain Python, `maker` is compiled, `passthrough` sends one order for each update it sees
and exists in both forms.
"""

__all__: list[str] = []
