"""The 23 messages of NASDAQ TotalView-ITCH 5.0 as they lie on the wire, with every field.

One table gives the sizes, the NumPy dtypes (big-endian, full fidelity) and what the encoder packs.
The 48-bit timestamp has no NumPy type: it is two columns, and `timestamp_ns` joins them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Column", "DTYPES", "Field", "LAYOUTS", "Layout", "SIZES", "timestamp_ns"]

Column = np.ndarray[Any, np.dtype[Any]]

# aN: N letters, padded with spaces on the right. u16, u32, u64: unsigned. p4: u32 with four
# implied decimals. p8: u64 with eight.
_BODIES = """
S system_event            event_code:a1
R stock_directory         stock:a8 market_category:a1 financial_status_indicator:a1 \
 round_lot_size:u32 round_lots_only:a1 issue_classification:a1 issue_sub_type:a2 authenticity:a1 \
 short_sale_threshold_indicator:a1 ipo_flag:a1 luld_reference_price_tier:a1 etp_flag:a1 \
 etp_leverage_factor:u32 inverse_indicator:a1
H stock_trading_action    stock:a8 trading_state:a1 reserved:a1 reason_code:a4
Y reg_sho_restriction     stock:a8 reg_sho_action:a1
L market_participant_position mpid:a4 stock:a8 primary_market_maker:a1 market_maker_mode:a1 \
 market_participant_state:a1
V mwcb_decline_level      level_1:p8 level_2:p8 level_3:p8
W mwcb_status             breached_level:a1
K ipo_quoting_period      stock:a8 ipo_quotation_release_time:u32 \
 ipo_quotation_release_qualifier:a1 ipo_price:p4
J luld_auction_collar     stock:a8 auction_collar_reference_price:p4 \
 upper_auction_collar_price:p4 lower_auction_collar_price:p4 auction_collar_extension:u32
h operational_halt        stock:a8 market_code:a1 operational_halt_action:a1
A add_order               order_reference_number:u64 buy_sell_indicator:a1 shares:u32 stock:a8 \
 price:p4
F add_order_attributed    order_reference_number:u64 buy_sell_indicator:a1 shares:u32 stock:a8 \
 price:p4 attribution:a4
E order_executed          order_reference_number:u64 executed_shares:u32 match_number:u64
C order_executed_price    order_reference_number:u64 executed_shares:u32 match_number:u64 \
 printable:a1 execution_price:p4
X order_cancel            order_reference_number:u64 canceled_shares:u32
D order_delete            order_reference_number:u64
U order_replace           original_order_reference_number:u64 new_order_reference_number:u64 \
 shares:u32 price:p4
P trade                   order_reference_number:u64 buy_sell_indicator:a1 shares:u32 stock:a8 \
 price:p4 match_number:u64
Q cross_trade             cross_shares:u64 stock:a8 cross_price:p4 match_number:u64 cross_type:a1
B broken_trade            match_number:u64
I net_order_imbalance     paired_shares:u64 imbalance_shares:u64 imbalance_direction:a1 stock:a8 \
 far_price:p4 near_price:p4 current_reference_price:p4 cross_type:a1 price_variation_indicator:a1
N retail_interest         stock:a8 interest_flag:a1
O price_discovery         stock:a8 open_eligibility_status:a1 minimum_allowable_price:p4 \
 maximum_allowable_price:p4 near_execution_price:p4 near_execution_time:u64 \
 lower_price_range_collar:p4 upper_price_range_collar:p4
"""

_WIDTHS = {"u16": 2, "u32": 4, "u64": 8, "p4": 4, "p8": 8}
_FORMATS = {"u16": ">u2", "u32": ">u4", "u64": ">u8", "p4": ">u4", "p8": ">u8"}


@dataclass(frozen=True)
class Field:
    """One field of a body. Offsets count from the type byte."""

    name: str
    offset: int
    kind: str

    @property
    def width(self) -> int:
        return int(self.kind[1:]) if self.kind[0] == "a" else _WIDTHS[self.kind]

    @property
    def is_text(self) -> bool:
        return self.kind[0] == "a"

    @property
    def is_price(self) -> bool:
        return self.kind[0] == "p"

    @property
    def decimals(self) -> int:
        """Implied decimals of a price, 0 for the rest."""
        return int(self.kind[1:]) if self.is_price else 0


@dataclass(frozen=True)
class Layout:
    """One message type."""

    code: str
    name: str
    size: int
    fields: tuple[Field, ...]

    @property
    def dtype(self) -> "np.dtype[np.void]":
        """Columns of an array of such messages, prefixes taken off."""
        head = [
            ("message_type", "S1", 0),
            ("stock_locate", ">u2", 1),
            ("tracking_number", ">u2", 3),
            ("timestamp_high", ">u2", 5),
            ("timestamp_low", ">u4", 7),
        ]
        body = [
            (f.name, f"S{f.width}" if f.is_text else _FORMATS[f.kind], f.offset)
            for f in self.fields
        ]
        names, formats, offsets = zip(*head, *body, strict=True)
        return np.dtype(
            {
                "names": list(names),
                "formats": list(formats),
                "offsets": list(offsets),
                "itemsize": self.size,
            }
        )


def _parse(line: str) -> Layout:
    code, name, *rest = line.split()
    fields = []
    offset = 11
    for item in rest:
        field = Field(item.split(":")[0], offset, item.split(":")[1])
        fields.append(field)
        offset += field.width
    return Layout(code, name, offset, tuple(fields))


LAYOUTS: dict[str, Layout] = {
    layout.code: layout for layout in map(_parse, _BODIES.strip().split("\n"))
}
SIZES: dict[str, int] = {code: layout.size for code, layout in LAYOUTS.items()}
DTYPES: dict[str, "np.dtype[np.void]"] = {c: layout.dtype for c, layout in LAYOUTS.items()}


def timestamp_ns(messages: Column) -> Column:
    """Nanoseconds since midnight in New York of an array of wire messages, as int64."""
    high = messages["timestamp_high"].astype(np.int64)
    return (high << 32) | messages["timestamp_low"].astype(np.int64)
