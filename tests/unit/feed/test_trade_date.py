"""Trade dates of file names, and midnight in New York against the time zone database."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta

import pytest

from tectra.core.errors import InputError
from tectra.feed.trade_date import date_of_name, midnight_ns, to_date


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("01302019.NASDAQ_ITCH50", "2019-01-30"),
        ("01302019.NASDAQ_ITCH50.gz", "2019-01-30"),
        ("/data/12202012.itch", "2012-12-20"),
        ("derived_AAPL_2012-06-21_0930-1000_from.itch.gz", "2012-06-21"),
        ("ritch_ex20101224.TEST_ITCH_50.gz", "2010-12-24"),
        ("20112019.itch", None),
        ("S013019-v50.txt.gz", "2019-01-30"),
        ("2019-02-30.itch", None),
        ("120190130.itch", None),
        ("sample.itch.gz", None),
        ("1234567890.itch", None),
    ],
)
def test_date_of_name(name: str, wanted: str | None) -> None:
    assert date_of_name(name) == (date.fromisoformat(wanted) if wanted else None)


def test_midnight_agrees_with_the_time_zone_database() -> None:
    try:
        new_york = zoneinfo.ZoneInfo("America/New_York")
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no time zone database on this machine")
    day = date(1987, 1, 1)
    while day < date(2038, 1, 1):
        wanted = datetime(day.year, day.month, day.day, tzinfo=new_york).timestamp()
        assert midnight_ns(day) == int(wanted) * 10**9, day
        day += timedelta(days=1)


def test_to_date() -> None:
    assert (
        to_date("2012-06-21") == date(2012, 6, 21) == to_date(datetime(2012, 6, 21, 9, tzinfo=UTC))
    )
    for bad in ("21.6.2012", "", 20120621):
        with pytest.raises(InputError, match="YYYY-MM-DD"):
            to_date(bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1987"):
        midnight_ns(date(1970, 1, 1))
