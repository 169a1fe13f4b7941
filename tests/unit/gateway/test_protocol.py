"""The Gateway protocol."""

import inspect

from tectra.gateway import Gateway
from tectra.sim import SimExchange


def test_the_simulated_exchange_has_every_method_of_the_protocol():
    methods = {name for name in vars(Gateway) if not name.startswith("_")}
    assert methods == {"send", "cancel", "replace", "reports"}
    for name in methods:
        wanted = list(inspect.signature(getattr(Gateway, name)).parameters)
        assert list(inspect.signature(getattr(SimExchange, name)).parameters) == wanted


def test_a_class_that_lacks_a_method_is_no_gateway():
    assert not isinstance(object(), Gateway)
