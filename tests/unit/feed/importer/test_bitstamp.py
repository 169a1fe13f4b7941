"""Bitstamp order log: a whole recorded day builds a sound book and agrees with its event table."""

import csv
import io
import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from feed_samples import FILES, rows_of, slots_of

from tectra.book.l3 import L3Book
from tectra.core.errors import FileFormatError
from tectra.core.msg import Template
from tectra.feed.formats import open_feed
from tectra.feed.importer.record import of_template


def test_a_recorded_day(test_data: Path) -> None:
    path = test_data / "l3" / "bitstamp_2015-05-01.log.xz"
    feed = open_feed(path)
    slots = slots_of(feed)
    book = L3Book()
    book.apply(slots)
    assert book.fault_report().total == 0
    assert book.check()
    assert feed.faults["order_book"] == 5011


def test_orders_are_those_of_the_event_table(test_data: Path) -> None:
    folder = test_data / "l3"
    slots = slots_of(open_feed(folder / "bitstamp_2015-05-01.log.xz"))
    added, _ = of_template(np.frombuffer(slots, np.uint8), Template.BOOK_ADD)
    text = lzma.decompress((folder / "bitstamp_2015-05-01_orders.csv.xz").read_bytes()).decode()
    created = {
        int(r["id"]): (
            int(r["timestamp"]) * 1_000_000,
            round(float(r["price"]) * 100),
            int(r["volume"]),
        )
        for r in csv.DictReader(io.StringIO(text))
        if r["action"] == "created"
    }
    assert set(added["order_ref"].tolist()) == set(created)
    assert len(added) == 24_894
    columns = (added[n].tolist() for n in ("order_ref", "ts_event_ns", "px", "qty"))
    for number, ts, px, qty in zip(*columns, strict=True):
        assert (ts, px) == created[number][:2]
        # The table multiplied floats and cut them off: up to one unit is missing there.
        assert 0 <= qty - created[number][2] <= 1


def test_small_log(tmp_path: Path) -> None:
    path, _ = FILES["bitstamp"](tmp_path)
    rows = rows_of(open_feed(path))
    assert [(r["template"], r.get("px"), r.get("qty")) for r in rows] == [
        ("book_add", 23_647, 200_000_000),
        ("book_cancel", None, 22_000_000),
        ("trade", 23_647, 21_144_331),
        ("book_delete", None, None),
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('1430438409000 order_created {"price": "NaN", "amount": "1", "id": 7}', "NaN"),
        ('1430438409000 order_created {"price": "1.005", "amount": "1", "id": 7}', "1.005"),
        ('1430438409000 order_created {"price": "-1", "amount": "1", "id": 7}', "-1"),
        ('1430438409000 order_created {"amount": "1", "id": 7}', "price"),
        ("1430438409000 order_created {nonsense}", "nonsense"),
        ("what is this", "what is this"),
        ('1430438400000 trade {"price": 1, "amount": 1, "id": 7}', "behind"),
    ],
)
def test_damaged_lines(tmp_path: Path, bad: str, said: str) -> None:
    path, _ = FILES["bitstamp"](tmp_path)
    path.write_text(path.read_text() + bad + "\n")
    with pytest.raises(FileFormatError, match=f"line 5: .*{said}"):
        slots_of(open_feed(path, "bitstamp"))
    feed = open_feed(path, "bitstamp", options={"strict": False})
    assert Counter(r["template"] for r in rows_of(feed))["trade"] == 1
    assert sum(feed.faults.values()) == 1
