"""Two scripts that check journals and proofs without tectra: copy them anywhere and run them."""

__all__: list[str] = []
