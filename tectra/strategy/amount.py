"""Prices and quantities as people write them, made mantissas at an instrument's exponent; never
rounded.
"""

from decimal import Decimal

from tectra.core.errors import InputError
from tectra.core.fixed import Price, Quantity

__all__ = ["Amount", "to_mantissa"]

Amount = Price | Quantity | Decimal | int | str


def to_mantissa(value: Amount, exponent: int, name: str) -> int:
    """Exact mantissa of an amount; InputError for a float, and for more decimals than the exponent
    holds.
    """
    try:
        if isinstance(value, (Price, Quantity)):
            return value.raw(exponent)
        if isinstance(value, (Decimal, str)) or type(value) is int:
            return Price(str(value)).raw(exponent)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    found = f"{value!r} ({type(value).__name__})"
    raise InputError(
        f"{name}: found {found}; allowed: Price, Quantity, Decimal, int, str, or the raw mantissa"
    )
