"""A context is of the code that made it, not of the thread pool that runs it."""

from concurrent.futures import ThreadPoolExecutor

from tectra.core.log_context import carry, place, span


def test_carried_ids_do_not_stay_on_the_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        with span("a", trace_id=3, decision_id=4):
            carried = carry(place)
        assert pool.submit(carried).result() == ("a", 3, 4)
        assert pool.submit(place).result() == ("", None, None)


def test_inner_ids_win() -> None:
    with span("a", trace_id=1, decision_id=1), span("b", trace_id=2) as here:
        assert here == place() == ("a/b", 2, 1)
