"""Trouble of the pipeline is noted by place and code with the record's number, and changes nothing
else.
"""

import pytest
from engine_scene import Engine, Quiet

from tectra.core.errlog import ErrorLog, Place
from tectra.core.errors import ClosedError, InputError
from tectra.core.msg import Template

UNKNOWN_ORDER, GAP = -5, -12


def troubled(errors: ErrorLog | None) -> Engine:
    engine = Engine(Quiet())
    if errors is not None:
        engine.pipeline.attach_errors(errors)
    engine.quotes()
    for _ in range(3):
        engine.market(Template.BOOK_DELETE, order_ref=99)
    engine.fill(99, 1, 1)
    engine.market(Template.GAP, first_seq=5, last_seq=9)
    with pytest.raises(InputError, match="names no rule"):
        engine.step(Template.CONTROL_LIMIT, rule=255)
    return engine


def test_each_kind_once_with_its_records() -> None:
    errors = ErrorLog.private(64)
    engine = troubled(errors)
    summary = engine.pipeline.summary
    found = {(e.place, e.code): e for e in errors.entries()}
    assert [place for place, _ in found] == [
        Place.BOOK, Place.ORDERS, Place.FEED, Place.CONTROL,
    ]  # fmt: skip
    book, orders, feed, control = found.values()
    assert book.total == summary.book_errors == 3
    assert book.first_seq == summary.first_error_seq and book.code == summary.first_error_rc
    assert book.last_seq == book.first_seq + 2 and book.last_ns == book.first_ns + 20
    assert orders.code == UNKNOWN_ORDER and orders.total == summary.unknown_orders == 1
    assert feed.code == GAP and feed.first_seq == orders.first_seq + 1
    assert control.total == summary.refused_controls == 1
    assert engine.pipeline.errors is errors and errors.lost == 0


def test_noting_changes_no_record() -> None:
    silent, noted = troubled(None), troubled(ErrorLog.private(1))
    assert silent.pipeline.errors is None
    assert silent.pipeline.captured() == noted.pipeline.captured()
    assert silent.pipeline.summary == noted.pipeline.summary


def test_a_full_page_counts_what_it_cannot_hold() -> None:
    errors = ErrorLog.private(1)
    troubled(errors)
    assert [e.place for e in errors.entries()] == [Place.BOOK] and errors.lost == 3


@pytest.mark.shm
def test_a_page_that_cannot_be_written_is_refused(shm_name) -> None:
    engine = Engine(Quiet())
    owner, reader = ErrorLog.create(shm_name()), ErrorLog.attach(shm_name())
    with owner, reader, pytest.raises(InputError, match="writable=True"):
        engine.pipeline.attach_errors(reader)
    with pytest.raises(ClosedError):
        engine.pipeline.attach_errors(owner)
