"""A parser with a planted fault. If this fuzzer passes, fuzzing finds nothing."""

import itch_model

from tectra.core.rng import Random


def parse(message: bytes) -> int:
    """Takes every second add order for a sale when its share count is odd."""
    _, fields = itch_model.decode(message)
    side = fields["side"]
    return 2 if fields["qty"] % 2 and fields["order_ref"] % 2 else side


def run(seed: int, count: int) -> None:
    """Compare the faulty parser with the model."""
    rng = Random(seed)
    for i in range(count):
        noise = b"".join(rng.u64().to_bytes(8, "little") for _ in range(7))
        message = itch_model.random_message("A", noise, side=b"B")
        found = parse(message)
        assert found == 1, f"input {i}: side {found} of {message.hex()}, wanted 1"
