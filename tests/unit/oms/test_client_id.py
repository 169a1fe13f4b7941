import pytest

from tectra.core.errors import InputError
from tectra.oms import CLIENT_ID_MAX, ClientOrderIds


def test_names_are_made_and_read_back() -> None:
    ids = ClientOrderIds("lon1")
    assert ids.make(42) == "cm_lon1_42"
    for order_id in (1, 42, 2**64 - 1):
        assert ids.parse(ids.make(order_id)) == order_id


def test_the_longest_name_fits_every_venue() -> None:
    assert len(ClientOrderIds("a" * 12).make(2**64 - 1)) <= CLIENT_ID_MAX


@pytest.mark.parametrize(
    "text", ["cm_lon2_42", "x_lon1_42", "cm_lon1_", "cm_lon1_0", "cm_lon1_042", "cm_lon1_4x", ""]
)
def test_names_of_others_are_not_ours(text: str) -> None:
    assert ClientOrderIds("lon1").parse(text) is None


@pytest.mark.parametrize("instance", ["", "a_b", "a" * 13, "ä", "a b"])
def test_instance_is_letters_digits_hyphens(instance: str) -> None:
    with pytest.raises(InputError, match="instance"):
        ClientOrderIds(instance)


@pytest.mark.parametrize("order_id", [0, -1, 2**64])
def test_order_id_is_a_positive_u64(order_id: int) -> None:
    with pytest.raises(InputError, match="order_id"):
        ClientOrderIds("a").make(order_id)
